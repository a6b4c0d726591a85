// Package kservev1 is KServe's V1 protocol over REST: {"instances": […]} answered by {"predictions": […]}.
//
// Instances are rows. With one input an instance is its bare value, unless the contract gives it a server's name (`tensor:
// comment`), which makes it an object, as several inputs are; `$` asks for the bare value in words. Predictions of one output are
// bare values, of several objects: those become one tensor a key. Names may be paths into an instance.
//
// The contract's fixed parameters stand beside the instances. Predictions that have no form as tensors stay JSON, which a
// contract reads by path.
//
// The package imports protocol/body, contract, jsontensor, message and tensor.
package kservev1
