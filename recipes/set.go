package recipes

import (
	"strconv"
	"strings"

	"github.com/hourglass-go/hourglass/internal/nearest"
)

// assign carries out one "key=value" of the command line on a document. The key is a path
// with dots; numbers count in a list from 0: corruption.0.min=0.2. The value is YAML.
// Where a name stands alone (optimizer: adam), a key below it makes it a mapping.
func assign(root *node, assignment string) error {
	at := "--set " + assignment
	path, text, ok := strings.Cut(assignment, "=")
	if !ok || path == "" {
		return problem(at, "want key=value, such as epochs=10")
	}
	value := &node{at: at, value: ""}
	if text != "" {
		var err error
		if value, err = parseDocument(at, []byte(text)); err != nil {
			return problem(at, "the value is not YAML")
		}
		value.relocate(at)
	}
	keys := strings.Split(path, ".")
	n := root
	for i, key := range keys {
		last := i == len(keys)-1
		switch v := n.value.(type) {
		case []*node:
			index, err := strconv.Atoi(key)
			if err != nil || index < 0 || index >= len(v) {
				return problem(at, "%s is a list of %d, so %q must be a number from 0 to %d", strings.Join(keys[:i], "."), len(v), key, len(v)-1)
			}
			if last {
				v[index] = value
			}
			n = v[index]
			continue
		case string:
			m := newMapping()
			m.put("name", n.at, &node{n.at, v})
			n.value = m
		case nil:
			n.value = newMapping()
		case *mapping:
		default:
			return problem(at, "%s is %v and has no key %q", strings.Join(keys[:i], "."), n, key)
		}
		m := n.value.(*mapping)
		if last {
			m.put(key, at, value)
			return nil
		}
		if m.values[key] == nil {
			if i == 0 && !isKey(key) {
				return problem(at, "unknown key %q%s", key, nearest.Hint(key, Keys()))
			}
			m.put(key, at, &node{at: at})
		}
		n = m.values[key]
	}
	return nil
}

// relocate makes every part of the value stand at one place.
func (n *node) relocate(at string) {
	n.at = at
	switch v := n.value.(type) {
	case []*node:
		for _, element := range v {
			element.relocate(at)
		}
	case *mapping:
		for _, key := range v.keys {
			v.keysAt[key] = at
			v.values[key].relocate(at)
		}
	}
}
