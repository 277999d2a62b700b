package optim

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"

	"github.com/hourglass-go/hourglass/internal/nearest"
)

// A configured struct can fill in its defaults and check its fields.
type configured interface {
	resolve()
	validate() error
}

var optimizers = map[string]func() Optimizer{
	"sgd":     func() Optimizer { return new(SGD) },
	"rmsprop": func() Optimizer { return new(RMSprop) },
	"adam":    func() Optimizer { return new(Adam) },
	"adamw":   func() Optimizer { return new(AdamW) },
}

var schedules = map[string]func() Schedule{
	"constant":    func() Schedule { return new(Constant) },
	"step":        func() Schedule { return new(StepDecay) },
	"exponential": func() Schedule { return new(Exponential) },
	"cosine":      func() Schedule { return new(Cosine) },
	"plateau":     func() Schedule { return new(Plateau) },
}

// Names lists the optimisers that [New] knows.
func Names() []string { return slices.Sorted(maps.Keys(optimizers)) }

// ScheduleNames lists the schedules that [NewSchedule] knows.
func ScheduleNames() []string { return slices.Sorted(maps.Keys(schedules)) }

// New returns the optimiser of that name with the settings of a configuration file:
// its struct's JSON names, such as "learning_rate", to numbers and booleans. What is
// not set has its default. An unknown name or key is refused with the nearest known
// one, a value of the wrong type or out of range with the right ones.
func New(name string, settings map[string]any) (Optimizer, error) {
	build, ok := optimizers[name]
	if !ok {
		return nil, fmt.Errorf("optim: unknown optimizer %q%s", name, nearest.Hint(name, Names()))
	}
	o := build()
	if err := configure(name, o, settings); err != nil {
		return nil, err
	}
	return o, nil
}

// NewSchedule is [New] for schedules. Each also takes "warm_up", a number of steps, by
// which it is wrapped in a [WarmUp].
func NewSchedule(name string, settings map[string]any) (Schedule, error) {
	build, ok := schedules[name]
	if !ok {
		return nil, fmt.Errorf("optim: unknown schedule %q%s", name, nearest.Hint(name, ScheduleNames()))
	}
	s := build()
	var warmUp int
	rest := maps.Clone(settings)
	if steps, ok := settings["warm_up"]; ok {
		delete(rest, "warm_up")
		if err := assign(name, "warm_up", reflect.ValueOf(&warmUp).Elem(), steps); err != nil {
			return nil, err
		}
		if warmUp < 0 {
			return nil, fmt.Errorf("optim: %s: warm_up is %d, must be a number of steps, at least 0", name, warmUp)
		}
	}
	if err := configure(name, s, rest, "warm_up"); err != nil {
		return nil, err
	}
	if warmUp > 0 {
		return WarmUp{Steps: warmUp, Then: s}, nil
	}
	return s, nil
}

// Check reports the first field of an optimiser, a pointer to a schedule or an EMA
// that is out of range; a zero that stands for a default is right. It fills in the
// defaults. A type of another package is not checked.
func Check(v any) error {
	c, ok := v.(configured)
	if !ok {
		return nil
	}
	c.resolve()
	return c.validate()
}

// Settings returns the configuration of an optimiser as [New] takes it, with every
// default written out, for a resolved recipe or a model file.
func Settings(o Optimizer) (map[string]any, error) {
	if c, ok := o.(configured); ok {
		c.resolve()
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("optim: settings of %s: %w", o.Name(), err)
	}
	settings := map[string]any{}
	if err := json.Unmarshal(text, &settings); err != nil {
		return nil, fmt.Errorf("optim: settings of %s: %w", o.Name(), err)
	}
	return settings, nil
}

// configure sets the fields of a struct by their JSON names. Defaults are filled in
// first, so that a zero that was written stays one and is checked as such.
func configure(name string, target any, settings map[string]any, alsoKnown ...string) error {
	c := target.(configured)
	c.resolve()
	fields := map[string]reflect.Value{}
	v := reflect.ValueOf(target).Elem()
	for i := range v.NumField() {
		if tag := v.Type().Field(i).Tag.Get("json"); tag != "" {
			fields[tag] = v.Field(i)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		field, ok := fields[key]
		if !ok {
			known := append(slices.Sorted(maps.Keys(fields)), alsoKnown...)
			return fmt.Errorf("optim: %s: unknown setting %q%s", name, key, nearest.Hint(key, known))
		}
		if err := assign(name, key, field, settings[key]); err != nil {
			return err
		}
	}
	return c.validate()
}

// assign converts a value, as a YAML or JSON reader delivers it, to the field's type.
func assign(name, key string, field reflect.Value, value any) error {
	text, err := json.Marshal(value)
	if err == nil {
		if string(text) == "null" {
			err = errors.New("null")
		} else {
			err = json.Unmarshal(text, field.Addr().Interface())
		}
	}
	if err != nil {
		kind := map[reflect.Kind]string{reflect.Float64: "a number", reflect.Int: "a whole number",
			reflect.Bool: "true or false"}[field.Kind()]
		return fmt.Errorf("optim: %s: %s is %v, must be %s", name, key, value, kind)
	}
	return nil
}

var errZeroBeta1 = errors.New("beta1 is 0; no_momentum: true says that")

func above(field string, v, low float64) error {
	if !(v > low) || math.IsInf(v, 1) {
		return fmt.Errorf("%s is %v, must be above %v", field, v, low)
	}
	return nil
}

func atLeast(field string, v, low float64) error {
	if !(v >= low) || math.IsInf(v, 1) {
		return fmt.Errorf("%s is %v, must be at least %v", field, v, low)
	}
	return nil
}

func inside(field string, v, low, high float64) error {
	if !(v > low && v < high) {
		return fmt.Errorf("%s is %v, must be between %v and %v", field, v, low, high)
	}
	return nil
}

func between(field string, v, low, high float64) error {
	if !(v >= low && v <= high) {
		return fmt.Errorf("%s is %v, must be from %v to %v", field, v, low, high)
	}
	return nil
}
