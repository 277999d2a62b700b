//go:build !amd64 || noasm

package cpu

func detect() Features { return Features{} }
