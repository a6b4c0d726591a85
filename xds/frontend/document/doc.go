// Package document reads YAML and JSON files into documents whose every value knows its line and column, and gives front
// ends a strict way to read them: a field that nobody asked for, a value of the wrong type or a missing field is a
// diagnostic with its place and a remedy, and reading goes on, so that one run finds all that is wrong.
//
// YAML is go.yaml.in/yaml/v3's: its nodes have positions, and it is the maintained line of the library.
package document
