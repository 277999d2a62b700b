package train

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/optim"
)

// The settings that need the data.
const (
	trainingSet   = "training set"
	validationSet = "validation set"
)

// settings describes, in words, all that has an influence on the bits of a run. A
// checkpoint holds them, and only a run with the same ones may go on from it.
func (r *Run) settings() (map[string]string, error) {
	s, err := r.ownSettings()
	if err != nil {
		return nil, err
	}
	s[validationSet] = "none"
	if s[trainingSet], err = describeSet(r.Train); err != nil {
		return nil, err
	}
	if r.Validation != nil {
		if s[validationSet], err = describeSet(r.Validation); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// ownSettings are those that are known without the data, but for Monitor's default.
func (r *Run) ownSettings() (map[string]string, error) {
	graph, err := r.Model.MarshalGraph()
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	options, err := optim.Settings(r.Optimizer)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	s := map[string]string{
		"model":          fmt.Sprintf("a graph with fingerprint %016x", fingerprint(graph)),
		"loss":           nn.TypeName(r.Loss) + " " + toJSON(r.Loss),
		"optimizer":      r.Optimizer.Name() + " " + toJSON(options),
		"schedule":       describe(r.Schedule),
		"gradient limit": fmt.Sprint(r.ClipNorm),
		"batch size":     fmt.Sprint(r.BatchSize),
		"seed":           fmt.Sprint(r.Seed),
		"monitor":        r.monitor(),
		"early stopping": toJSON(r.EarlyStopping),
		"weight average": "none",
	}
	if r.EMA != nil {
		s["weight average"] = toJSON(r.EMA)
	}
	if needsTotal(r.Schedule) {
		s["epochs"] = fmt.Sprint(r.Epochs)
	}
	return s, nil
}

// differences lists where the settings of a checkpoint are not those of now.
func differences(then, now map[string]string) []string {
	all := map[string]bool{}
	for key := range then {
		all[key] = true
	}
	for key := range now {
		all[key] = true
	}
	var d []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		a, b := then[key], now[key]
		if a == b {
			continue
		}
		if a == "" {
			a = "not given"
		}
		if b == "" {
			b = "not given"
		}
		d = append(d, fmt.Sprintf("%s: %s in the checkpoint, %s now", key, a, b))
	}
	return d
}

// needsTotal reports whether the rates of a schedule depend on how long the run is. A
// run with any other one may be resumed with more epochs than it had.
func needsTotal(s optim.Schedule) bool {
	switch s := s.(type) {
	case nil, optim.Constant, *optim.Constant, optim.StepDecay, *optim.StepDecay,
		optim.Exponential, *optim.Exponential, optim.Plateau, *optim.Plateau:
		return false
	case optim.WarmUp:
		return needsTotal(s.Then)
	case *optim.WarmUp:
		return needsTotal(s.Then)
	}
	return true
}

// describe writes a schedule with its type and fields.
func describe(s optim.Schedule) string {
	switch s := s.(type) {
	case nil:
		return "constant"
	case optim.WarmUp:
		return fmt.Sprintf("warm-up of %d steps, then %s", s.Steps, describe(s.Then))
	case *optim.WarmUp:
		return describe(*s)
	case optim.Constant, *optim.Constant:
		return "constant"
	}
	name := strings.TrimLeft(fmt.Sprintf("%T", s), "*")
	return strings.ToLower(name[strings.LastIndexByte(name, '.')+1:]) + " " + toJSON(s)
}

func toJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%+v", v)
	}
	return string(text)
}

// describeSet gives size, shape and a fingerprint of the first and the last sample, in
// which other data and other corruptions show.
func describeSet(set dataset.Set) (string, error) {
	input, target := set.Shapes()
	x, y := make([]float32, input.Elems()), make([]float32, target.Elems())
	h := fnv.New64a()
	var word [4]byte
	for _, index := range []int{0, set.Len() - 1} {
		if err := set.Fill(0, index, x, y); err != nil {
			return "", fmt.Errorf("train: sample %d: %w", index, err)
		}
		for _, v := range slices.Concat(x, y) {
			binary.LittleEndian.PutUint32(word[:], math.Float32bits(v))
			h.Write(word[:])
		}
	}
	return fmt.Sprintf("%d samples of shape %v with fingerprint %016x", set.Len(), input, h.Sum64()), nil
}

func fingerprint(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}
