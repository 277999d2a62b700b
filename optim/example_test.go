package optim_test

import (
	"fmt"

	"github.com/hourglass-go/hourglass/optim"
)

// A training step by hand: the rate from a schedule, the gradient clipped, the weights
// averaged. The loss is (w-3)²/2, whose gradient is w-3.
func Example() {
	weights, grads := []float32{0}, []float32{0}
	optimizer := &optim.SGD{LearningRate: 0.2, Momentum: 0.8, Nesterov: true}
	schedule := optim.WarmUp{Steps: 5, Then: optim.Cosine{Final: 0.01}}
	clip := optim.NormClip{Max: 1}
	average := &optim.EMA{Decay: 0.9}
	optimizer.Init(len(weights))
	average.Init(len(weights))

	const steps = 100
	for step := range steps {
		grads[0] = weights[0] - 3
		clip.Clip(nil, grads)
		rate := schedule.Rate(optimizer.BaseRate(), optim.Progress{Step: step, Steps: steps, Epochs: 1})
		optimizer.Step(nil, weights, grads, rate)
		average.Update(nil, weights)
	}
	fmt.Printf("%.2f\n", weights[0])
	average.Swap(weights)
	fmt.Printf("%.2f\n", weights[0])
	// Output:
	// 3.00
	// 3.00
}

// An optimiser from the settings of a configuration file.
func ExampleNew() {
	optimizer, err := optim.New("adam", map[string]any{"learning_rate": 2e-4, "beta1": 0.5})
	if err != nil {
		fmt.Println(err)
		return
	}
	settings, err := optim.Settings(optimizer)
	fmt.Println(settings, err)

	_, err = optim.New("adm", nil)
	fmt.Println(err)
	// Output:
	// map[beta1:0.5 beta2:0.999 epsilon:1e-07 learning_rate:0.0002 no_momentum:false] <nil>
	// optim: unknown optimizer "adm", did you mean "adam"? (known: adam, adamw, rmsprop, sgd)
}
