package recipes

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxRecipe bounds a recipe's text: nesting, and with it the parser's stack, stays small.
const maxRecipe = 64 << 10

// Error is what is wrong with a recipe, and where.
type Error struct {
	At      string // "mine.yaml:7", "--set epochs=many"
	Problem string
}

// Error is the place, where it is known, and what is wrong there.
func (e *Error) Error() string {
	if e.At == "" {
		return e.Problem
	}
	return e.At + ": " + e.Problem
}

func problem(at, format string, args ...any) *Error {
	return &Error{at, fmt.Sprintf(format, args...)}
}

// node is a value of a YAML document with its place: nil, bool, int64, uint64, float64,
// string, []*node or *mapping.
type node struct {
	at    string
	value any
}

// mapping keeps the keys in the order of the text.
type mapping struct {
	keys   []string
	values map[string]*node
	keysAt map[string]string
}

func newMapping() *mapping {
	return &mapping{values: map[string]*node{}, keysAt: map[string]string{}}
}

func (m *mapping) put(key, at string, v *node) {
	if _, ok := m.values[key]; !ok {
		m.keys = append(m.keys, key)
	}
	m.values[key], m.keysAt[key] = v, at
}

// parseDocument reads YAML text. Name is how errors call it. Anchors, aliases and tags
// have no use in a recipe and are refused.
func parseDocument(name string, text []byte) (n *node, err error) {
	if len(text) > maxRecipe {
		return nil, problem(name, "%d bytes, a recipe has at most %d", len(text), maxRecipe)
	}
	defer func() { // the parser is not ours, and the text is from outside
		if r := recover(); r != nil {
			n, err = nil, problem(name, "not YAML that can be read (%v)", r)
		}
	}()
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		var bad yaml.Error
		if errors.As(err, &bad) && bad.GetToken() != nil && bad.GetToken().Position != nil {
			return nil, problem(fmt.Sprintf("%s:%d", name, bad.GetToken().Position.Line), "not YAML: %s", bad.GetMessage())
		}
		return nil, problem(name, "not YAML: %v", err)
	}
	bodies := slices.DeleteFunc(file.Docs, func(d *ast.DocumentNode) bool { return d.Body == nil })
	if len(bodies) != 1 {
		return nil, problem(name, "%d YAML documents, want one", len(bodies))
	}
	return converter{name}.convert(bodies[0].Body)
}

type converter struct{ name string }

func (c converter) at(n ast.Node) string {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return fmt.Sprintf("%s:%d", c.name, t.Position.Line)
	}
	return c.name
}

func (c converter) convert(n ast.Node) (*node, error) {
	if n == nil {
		return &node{at: c.name}, nil
	}
	at := c.at(n)
	switch n := n.(type) {
	case *ast.NullNode:
		return &node{at, nil}, nil
	case *ast.BoolNode:
		return &node{at, n.Value}, nil
	case *ast.IntegerNode:
		return &node{at, n.Value}, nil
	case *ast.FloatNode:
		return &node{at, n.Value}, nil
	case *ast.InfinityNode:
		return &node{at, n.Value}, nil
	case *ast.NanNode:
		return &node{at, math.NaN()}, nil
	case *ast.StringNode:
		if f, ok := exponent(n); ok {
			return &node{at, f}, nil
		}
		return &node{at, n.Value}, nil
	case *ast.LiteralNode:
		return &node{at, n.Value.Value}, nil
	case *ast.SequenceNode:
		list := make([]*node, 0, len(n.Values))
		for _, v := range n.Values {
			element, err := c.convert(v)
			if err != nil {
				return nil, err
			}
			list = append(list, element)
		}
		return &node{at, list}, nil
	case *ast.MappingNode:
		return c.mapping(at, n.Values)
	case *ast.MappingValueNode:
		return c.mapping(at, []*ast.MappingValueNode{n})
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return nil, problem(at, "anchors, aliases and tags are not understood here")
	default:
		return nil, problem(at, "%s is not understood here", n.Type())
	}
}

// withExponent is a number such as 1e-3, which YAML 1.2 reads as one (10.3.2) and the
// parser as text.
var withExponent = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$`)

// exponent returns the value of such a number, unless it stands in quotes.
func exponent(n *ast.StringNode) (float64, bool) {
	if n.Token == nil || n.Token.Type != token.StringType || !withExponent.MatchString(n.Value) {
		return 0, false
	}
	f, err := strconv.ParseFloat(n.Value, 64)
	return f, err == nil
}

func (c converter) mapping(at string, values []*ast.MappingValueNode) (*node, error) {
	m := newMapping()
	for _, v := range values {
		keyAt := c.at(v.Key)
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			return nil, problem(keyAt, "%s is no key, want a name", v.Key.String())
		}
		if _, twice := m.values[key.Value]; twice {
			return nil, problem(keyAt, "%s is given twice, first in line %s", key.Value, lineOf(m.keysAt[key.Value]))
		}
		element, err := c.convert(v.Value)
		if err != nil {
			return nil, err
		}
		m.put(key.Value, keyAt, element)
	}
	return &node{at, m}, nil
}

// lineOf returns the number behind the last colon.
func lineOf(at string) string { return at[strings.LastIndexByte(at, ':')+1:] }

// plain returns the value as Go's generic types: map[string]any, []any and scalars.
func (n *node) plain() any {
	switch v := n.value.(type) {
	case []*node:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = element.plain()
		}
		return list
	case *mapping:
		m := make(map[string]any, len(v.keys))
		for key, element := range v.values {
			m[key] = element.plain()
		}
		return m
	case int64:
		return int(v)
	case uint64:
		if v <= math.MaxInt {
			return int(v)
		}
		return v
	default:
		return v
	}
}

// String is the value as an error message quotes it.
func (n *node) String() string {
	switch v := n.value.(type) {
	case nil:
		return "nothing"
	case string:
		return fmt.Sprintf("%q", v)
	case []*node:
		return "a list"
	case *mapping:
		return "a mapping"
	default:
		return fmt.Sprint(v)
	}
}
