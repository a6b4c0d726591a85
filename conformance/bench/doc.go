// Command bench measures Millrace from the outside, beside its peers, in one run with the same servers and the same load:
//
//	go run ./conformance/bench [-work REGEXP] [-rounds N] [-time D] [-publish]
//
// For each piece of work it starts every contender that is here, lets them take turns round by round, and counts the CPU time
// that the process of each took for a request. What is compared is the ratio within a round, of which the median is given with
// the least and the greatest. A figure counts only if every byte that came back was right. Results go to .cache/bench as JSON
// and Markdown; -publish copies the Markdown to conformance/bench/RESULTS.md.
//
//	contender  starts the contenders and reads what the system counted of them
//	upstream   the servers behind them
//	load       the clients before them
//	wire       HTTP/1.1 messages, for both
//	peers      the module that builds peers which are Go modules
//
// Flow: [works] → measure, a work at a time → report. Nothing in it decides by time whether a test passes. Its main type is
// [work].
package main
