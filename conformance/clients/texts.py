"""Messages to a support desk, in some languages and forms."""

ONE = ["I love it"]
THREE = ["I love it", "Das ist leider kaputt angekommen, und niemand antwortet mir", "I  hate this \u201cservice\u201d, you idiots \u2014 fix it NOW \U0001f620"]
MANY = [f"{THREE[i % 3]} and this is message number {i}" for i in range(64)]
BATCHES = (ONE, THREE, MANY)

# Long enough to keep a server busy for a good part of a second.
SLOW = "The cat sat on the mat. It was very happy about that. " * 20000
