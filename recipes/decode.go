package recipes

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/hourglass-go/hourglass/internal/nearest"
)

// Choice is a name with settings: a loss, an optimiser, a corruption. In YAML it is the
// name alone, or a mapping with the key name and the settings beside it.
type Choice struct {
	Name     string
	Settings map[string]any

	at       string            // place of the choice
	settings map[string]string // place of each setting
}

// explain says where in the recipe an error about the choice belongs: at the first
// setting that fails by itself, else at the choice. Build is what gave the error.
func (c Choice) explain(err error, build func(settings map[string]any) error) error {
	at := c.at
	for _, key := range slices.Sorted(maps.Keys(c.Settings)) {
		if build(map[string]any{key: c.Settings[key]}) != nil && c.settings[key] != "" {
			at = c.settings[key]
			break
		}
	}
	return problem(at, "%s", withoutPackage(err))
}

// withoutPackage drops the package's name that Go's errors begin with: the reader of a
// recipe has no use for it.
func withoutPackage(err error) string {
	text := err.Error()
	for _, name := range []string{"models: ", "optim: ", "dataset: ", "metrics: ", "nn: ", "train: "} {
		text = strings.TrimPrefix(text, name)
	}
	return text
}

// Keys lists the keys of a recipe.
func Keys() []string { return keysOf(reflect.TypeFor[Recipe]()) }

func isKey(name string) bool { return slices.Contains(Keys(), name) }

func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("yaml"); tag != "" {
			keys = append(keys, tag)
		}
	}
	return keys
}

// decode stores a document in a struct whose fields have yaml tags. What the document does
// not mention stays as it is.
func decode(n *node, target any) error {
	v := reflect.ValueOf(target).Elem()
	m, ok := n.value.(*mapping)
	if !ok {
		return problem(n.at, "%v, want keys with values: %s", n, strings.Join(keysOf(v.Type()), ", "))
	}
	known := keysOf(v.Type())
	for _, key := range m.keys {
		at := m.keysAt[key]
		i := slices.IndexFunc(reflect.VisibleFields(v.Type()), func(f reflect.StructField) bool { return f.Tag.Get("yaml") == key })
		if i < 0 {
			return problem(at, "unknown key %q%s", key, nearest.Hint(key, known))
		}
		if err := decodeField(key, m.values[key], v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func decodeField(key string, n *node, field reflect.Value) error {
	wrong := func(want string) error { return problem(n.at, "%s is %v, must be %s", key, n, want) }
	switch target := field.Addr().Interface().(type) {
	case *string:
		s, ok := n.value.(string)
		if !ok {
			return wrong("text")
		}
		*target = s
	case *int:
		i, ok := n.plain().(int)
		if !ok {
			return wrong("a whole number")
		}
		*target = i
	case *uint64:
		switch i := n.value.(type) {
		case uint64:
			*target = i
		case int64:
			if i < 0 {
				return wrong("a whole number, 0 or above")
			}
			*target = uint64(i)
		default:
			return wrong("a whole number, 0 or above")
		}
	case *bool:
		b, ok := n.value.(bool)
		if !ok {
			return wrong("true or false")
		}
		*target = b
	case *float64:
		f, ok := number(n)
		if !ok {
			return wrong("a number")
		}
		*target = f
	case *[]string:
		list, ok := n.value.([]*node)
		if !ok {
			return wrong("a list of names, such as [bce, psnr]")
		}
		*target = nil
		for _, element := range list {
			s, ok := element.value.(string)
			if !ok {
				return problem(element.at, "%s holds %v, must hold names", key, element)
			}
			*target = append(*target, s)
		}
	case *Choice:
		return target.decode(key, n)
	case *[]Choice:
		list, ok := n.value.([]*node)
		if !ok {
			return wrong("a list, one \"- name: ...\" a line")
		}
		*target = nil
		for _, element := range list {
			var c Choice
			if err := c.decode(key, element); err != nil {
				return err
			}
			*target = append(*target, c)
		}
	case **Augmentation:
		return decodeNew(n, target, Augmentation{at: n.at})
	case **EarlyStopping:
		return decodeNew(n, target, EarlyStopping{at: n.at})
	default:
		return fmt.Errorf("recipes: no rule for fields like %s", key)
	}
	return nil
}

// decodeNew stores a document in a fresh struct, or nil where it is null.
func decodeNew[T any](n *node, target **T, fresh T) error {
	*target = nil
	if n.value == nil {
		return nil
	}
	if err := decode(n, &fresh); err != nil {
		return err
	}
	*target = &fresh
	return nil
}

func (c *Choice) decode(key string, n *node) error {
	*c = Choice{at: n.at}
	switch v := n.value.(type) {
	case string:
		c.Name = v
		return nil
	case *mapping:
		name, ok := v.values["name"]
		if !ok {
			return problem(n.at, "%s has no name", key)
		}
		if c.Name, ok = name.value.(string); !ok {
			return problem(name.at, "the name of %s is %v, must be text", key, name)
		}
		c.at = name.at
		for _, k := range v.keys {
			if k == "name" {
				continue
			}
			if c.Settings == nil {
				c.Settings, c.settings = map[string]any{}, map[string]string{}
			}
			if f, ok := v.values[k].value.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
				return problem(v.values[k].at, "%s is %v, must be finite", k, f)
			}
			c.Settings[k], c.settings[k] = v.values[k].plain(), v.keysAt[k]
		}
		return nil
	default:
		return problem(n.at, "%s is %v, must be a name, or a mapping with a name and settings", key, n)
	}
}

// number takes whole numbers too, and refuses what is not finite.
func number(n *node) (float64, bool) {
	switch v := n.value.(type) {
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	return 0, false
}
