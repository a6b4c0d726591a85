// Package openai is the dialect of OpenAI's API: chat completions, completions, embeddings and the list of models.
//
// As a rule a body is never decoded. [PeekModel] finds the model that it names and [RenameModel] puts another name there, both
// around all other bytes, which stay what and where they were. [Events] follows a stream of server-sent events as it passes and
// tells where events end, so that a stream that breaks can be ended with an error that clients understand ([AppendBreak]).
//
// Where a part needs tensors, a request is its JSON and, without a name, the text that it asks about: the last message of the user, the
// prompt or the input. A server's stream that is not passed on becomes the completion that it would have been in one piece. Replies of other dialects become a completion with that text, or embeddings where they were asked for. A
// server's contract finds its fields by path, as a plain service's does: `messages[0].content`, `input`, `data[*].embedding`. A
// chat's message needs its role as well, which is a field with a default: {role: {tensor: "messages[0].role", default: user}}.
//
// The package imports protocol/body, contract, jsontensor, jsontext, message, plain and tensor. Its main type is [Codec].
package openai
