// Package train fits a model to a data set, and survives being stopped.
//
// A [Run] is handed a model, a loss, an optimiser and data; [Run.Fit] trains it epoch
// by epoch. With a folder, it keeps three files there, each whole at any moment:
//
//	model.safetensors   the model, best on validation; the last one where there is none
//	last.safetensors    the checkpoint: weights, optimiser, averages, place in the run
//	history.jsonl       one line an epoch, see [Epoch]
//
// A run that was cancelled, killed or cut off from its power, and resumed, ends in the
// same bits as one that was not, and neither depends on the number of workers: every
// random draw is a function of seed, epoch and sample, every sum has a fixed order, and
// the clock decides only when a checkpoint is written, never what is in it (the seconds
// of an epoch aside).
//
// What goes wrong is an error, never a print: [*DivergedError] for numbers that are none
// any more, [*ResumeError] for a checkpoint of another run, [*modelfile.FormatError] for
// one that is damaged, an error of the write that names its path. After each of them the
// checkpoint in the folder is the last good one.
//
// The step loop allocates nothing.
package train
