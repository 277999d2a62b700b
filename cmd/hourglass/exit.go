package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/modelfile/safetensors"
	"github.com/hourglass-go/hourglass/recipes"
	"github.com/hourglass-go/hourglass/train"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1 // at run time: a full disk, numbers that diverge, Ctrl-C
	exitWrong  = 2 // usage or input: the message says what would be right
)

// usageError is about the command line itself.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// interruptedError is what Ctrl-C leads to.
type interruptedError struct{ hint string }

func (e *interruptedError) Error() string { return "interrupted" + e.hint }
func (e *interruptedError) Unwrap() error { return context.Canceled }

// fail prints the error and returns the exit code that goes with it.
func (a *app) fail(err error) int {
	if errors.Is(err, context.Canceled) && !is[*interruptedError](err) {
		err = &interruptedError{}
	}
	fmt.Fprintf(a.err, "hourglass: %v\n", err)
	if isWrong(err) {
		return exitWrong
	}
	return exitFailed
}

// isWrong reports whether the error is one of what the user gave, not of the run.
func isWrong(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	return is[*usageError](err) ||
		is[*recipes.Error](err) || is[*recipes.ExistsError](err) ||
		is[*dataset.FileError](err) || is[*dataset.NotFoundError](err) ||
		is[*modelfile.FormatError](err) || is[*safetensors.FormatError](err) || is[*train.ResumeError](err) ||
		is[*imageio.CorruptError](err) || is[*imageio.LimitError](err) || is[*imageio.UnsupportedError](err) ||
		errors.Is(err, imageio.ErrUnknownFormat)
}

func is[E error](err error) bool {
	var target E
	return errors.As(err, &target)
}
