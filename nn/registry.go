package nn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// registered is a type of layer that a model file may name.
type registered struct {
	name    string
	version int
	typ     reflect.Type
}

var registry = struct {
	sync.RWMutex
	byName map[string]registered
	byType map[reflect.Type]registered
}{byName: map[string]registered{}, byType: map[reflect.Type]registered{}}

// Register makes a type of layer storable: name and version are what a model file holds
// beside the JSON of its fields, and sample is any value of the type, a struct. A file
// with a newer version is refused. It is called from an init function and panics where
// the name or the type is taken.
func Register(name string, version int, sample Layer) {
	registry.Lock()
	defer registry.Unlock()
	typ := reflect.TypeOf(sample)
	if typ.Kind() != reflect.Struct {
		panic(fmt.Sprintf("nn: layer type %v is not a struct", typ))
	}
	if _, taken := registry.byName[name]; taken {
		panic(fmt.Sprintf("nn: layer name %q is registered twice", name))
	}
	r := registered{name, version, typ}
	registry.byName[name], registry.byType[typ] = r, r
}

// TypeName is the name that the layer's type is registered under, or its Go name.
func TypeName(l Layer) string {
	switch l := l.(type) {
	case nil:
		return "nil"
	case normalised:
		return TypeName(l.foldable)
	}
	registry.RLock()
	defer registry.RUnlock()
	typ := reflect.TypeOf(l)
	if r, ok := registry.byType[typ]; ok {
		return r.name
	}
	return strings.ToLower(typ.Name())
}

// LayerTypes lists the registered names in order.
func LayerTypes() []string {
	registry.RLock()
	defer registry.RUnlock()
	return slices.Sorted(maps.Keys(registry.byName))
}

type layerJSON struct {
	Name    string          `json:"name"`
	Type    string          `json:"type"`
	Version int             `json:"version"`
	Config  json.RawMessage `json:"config"`
}

func marshalLayer(name string, l Layer) (layerJSON, error) {
	registry.RLock()
	r, ok := registry.byType[reflect.TypeOf(l)]
	registry.RUnlock()
	if !ok {
		return layerJSON{}, fmt.Errorf("nn: layer %q: its type %T is not registered: call nn.Register", name, l)
	}
	config, err := json.Marshal(l)
	if err != nil {
		return layerJSON{}, fmt.Errorf("nn: layer %q (%s): %w", name, r.name, err)
	}
	return layerJSON{name, r.name, r.version, config}, nil
}

func unmarshalLayer(j layerJSON) (Layer, error) {
	registry.RLock()
	r, ok := registry.byName[j.Type]
	registry.RUnlock()
	if !ok {
		return nil, fmt.Errorf("nn: layer %q is of unknown type %q: this program knows %s", j.Name, j.Type, strings.Join(LayerTypes(), ", "))
	}
	if j.Version < 1 || j.Version > r.version {
		return nil, fmt.Errorf("nn: layer %q (%s) has version %d, this program reads 1 to %d", j.Name, j.Type, j.Version, r.version)
	}
	v := reflect.New(r.typ)
	d := json.NewDecoder(bytes.NewReader(j.Config))
	d.DisallowUnknownFields()
	if err := d.Decode(v.Interface()); err != nil {
		return nil, fmt.Errorf("nn: layer %q (%s): %w", j.Name, j.Type, err)
	}
	return v.Elem().Interface().(Layer), nil
}
