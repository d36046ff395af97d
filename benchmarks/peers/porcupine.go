// Porcupine's side of bench_checkers.py: reads histories that the benchmark has written, and prints what each check took.
//
// Usage: peer ROUNDS LIMIT_S MODEL FILE...    prints per file: name, verdict, best seconds, median seconds.
// A file has one event a line, tab separated: `c id process f key a b` or `r id result`; `c` before any `r` of the same id. Operations
// without an answer return at the end, as Porcupine wants it, with the result `?`.
// Models are those of Porcupine's own tests; each is tried with and without a hash of its state, and the faster one counts.
package main

import (
	"bufio"
	"fmt"
	"hash/fnv"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

type input struct {
	f, key  string
	a, b    int
	text    string
}

type output struct {
	unknown bool
	ok      bool
	value   int
	text    string
}

const absent = -1000000

func number(text string) int {
	if text == "nil" {
		return absent
	}
	value, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return value
}

func byKey(history []porcupine.Event) [][]porcupine.Event {
	parts := map[string][]porcupine.Event{}
	keys := map[int]string{}
	for _, event := range history {
		if event.Kind == porcupine.CallEvent {
			keys[event.Id] = event.Value.(input).key
		}
		parts[keys[event.Id]] = append(parts[keys[event.Id]], event)
	}
	var found [][]porcupine.Event
	for _, part := range parts {
		found = append(found, part)
	}
	return found
}

func register(state, asked, answered interface{}) (bool, interface{}) {
	value, in, out := state.(int), asked.(input), answered.(output)
	switch in.f {
	case "read":
		return out.unknown || out.value == value, value
	case "write":
		return true, in.a
	}
	next := value
	if in.a == value {
		next = in.b
	}
	return out.unknown || out.ok == (in.a == value), next
}

func store(state, asked, answered interface{}) (bool, interface{}) {
	value, in, out := state.(string), asked.(input), answered.(output)
	switch in.f {
	case "read":
		return out.unknown || out.text == value, value
	case "write":
		return true, in.text
	}
	return true, value + in.text
}

func queue(state, asked, answered interface{}) (bool, interface{}) {
	value, in, out := state.(string), asked.(input), answered.(output)
	if in.f == "enqueue" {
		return true, value + in.text + " "
	}
	if out.unknown {
		return true, value[strings.Index(value, " ")+1:]
	}
	if out.text == "nil" {
		return value == "", value
	}
	return strings.HasPrefix(value, out.text+" "), strings.TrimPrefix(value, out.text+" ")
}

func hashed(state interface{}) uint64 {
	if value, whole := state.(int); whole {
		return uint64(value)
	}
	hash := fnv.New64a()
	hash.Write([]byte(state.(string)))
	return hash.Sum64()
}

func model(name string, withHash bool) porcupine.Model {
	found := porcupine.Model{Init: func() interface{} { return absent }, Step: register, PartitionEvent: byKey}
	if name == "kv" {
		found.Init, found.Step = func() interface{} { return "" }, store
	} else if name == "queue" {
		found.Init, found.Step = func() interface{} { return "" }, queue
	}
	if withHash {
		found.Hash = hashed
	}
	return found
}

func read(path string, texts bool) []porcupine.Event {
	file, err := os.Open(path)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<20), 1<<26)
	var events []porcupine.Event
	for lines.Scan() {
		words := strings.Split(lines.Text(), "\t")
		id := number(words[1])
		if words[0] == "c" {
			in := input{f: words[3], key: words[4]}
			if texts {
				in.text = words[5]
			} else {
				in.a, in.b = number(words[5]), number(words[6])
			}
			events = append(events, porcupine.Event{ClientId: number(words[2]), Kind: porcupine.CallEvent, Value: in, Id: id})
			continue
		}
		out := output{unknown: words[2] == "?", ok: words[2] == "true"}
		if texts {
			out.text = words[2]
		} else if !out.unknown && words[2] != "true" && words[2] != "false" {
			out.value = number(words[2])
		}
		events = append(events, porcupine.Event{Kind: porcupine.ReturnEvent, Value: out, Id: id})
	}
	return events
}

func main() {
	rounds, limit := number(os.Args[1]), time.Duration(number(os.Args[2]))*time.Second
	for _, path := range os.Args[4:] {
		events := read(path, os.Args[3] != "register")
		best := []float64{}
		verdict := porcupine.Unknown
		for _, withHash := range []bool{false, true} {
			chosen := model(os.Args[3], withHash)
			took := []float64{}
			for round := 0; round < rounds; round++ {
				began := time.Now()
				verdict = porcupine.CheckEventsTimeout(chosen, events, limit)
				took = append(took, time.Since(began).Seconds())
				if took[0] > 2 {
					break
				}
			}
			sort.Float64s(took)
			if len(best) == 0 || took[len(took)/2] < best[1] {
				best = []float64{took[0], took[len(took)/2]}
			}
		}
		fmt.Printf("%s\t%s\t%.9f\t%.9f\n", path, verdict, best[0], best[1])
	}
}
