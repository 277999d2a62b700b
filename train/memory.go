package train

import (
	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/nn"
)

// Memory is the number of bytes that the run will take: weights, gradients and
// activations, the optimiser's slots and averages, the batches made ahead, validation,
// and the data. It takes none of it and fails where Fit would refuse the run's fields. It
// is to be asked before Fit, since the optimiser forgets its steps.
func (r *Run) Memory() (int64, error) {
	if err := r.check(); err != nil {
		return 0, err
	}
	f, err := newFitting(r)
	if err != nil {
		return 0, err
	}
	defer f.close()
	input, target := r.Train.Shapes()
	batch := min(r.BatchSize, r.Train.Len())
	total, err := f.trainer.Memory(batch, input, target)
	if err != nil {
		return 0, err
	}
	sizes := r.Model.Store().Sizes()
	vectors := slots(r)
	if r.EMA != nil {
		vectors++
	}
	total += 4 * int64(vectors) * int64(sizes[nn.Trainable])
	if r.keepsBest() {
		total += 4 * int64(sizes[nn.Trainable]+sizes[nn.State])
	}
	total += f.loader.Bytes() + dataset.Memory(r.Train)
	if r.Validation == nil {
		return total, nil
	}
	arena, err := f.validation.memory(input, target)
	if err != nil {
		return 0, err
	}
	validationBatch := min(r.BatchSize, r.Validation.Len())
	prediction := 4 * int64(validationBatch) * int64(target.Elems())
	return total + int64(validationBatch)*arena + prediction +
		f.validation.loader.Bytes() + dataset.Memory(r.Validation), nil
}

// slots counts the vectors that the optimiser keeps, by letting it keep tiny ones.
func slots(r *Run) int {
	r.Optimizer.Init(1)
	return len(r.Optimizer.State().Slots)
}
