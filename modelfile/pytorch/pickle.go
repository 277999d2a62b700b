package pytorch

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// A pickle is a program for a stack machine, and Python's runs whatever function it names.
// This one builds data and nothing else: a call of a function that it does not know makes
// an [opaque] value, which no tensor is found in.

// The bounds of a pickle. Those of the largest published models have a few megabytes.
const (
	maxPickle  = 32 << 20 // bytes
	maxOpcodes = 4 << 20
	maxString  = 1 << 20
)

// The values of a pickle, beside nil, bool, int64, float64, string and tuple.
type (
	global string // a class or function, "collections OrderedDict"
	tuple  []any
	list   struct{ items []any }
	dict   struct {
		keys   []any
		values []any
	}
	// opaque is what a call of an unknown function or class would have made.
	opaque struct{ made global }
	mark   struct{}
)

// unpickler runs one pickle.
type unpickler struct {
	r     *bufio.Reader
	read  int64 // bytes
	stack []any
	memo  map[int64]any
	pairs int // that calls have copied: a short pickle may ask for it again and again
	// persistent turns the description of a storage into one.
	persistent func(tuple) (any, error)
	// rebuild makes a tensor, or nil for a function that makes none.
	rebuild func(f global, args tuple) (any, error)
}

// load runs the pickle and returns what it leaves. It recovers from nothing: each opcode
// checks what it takes from the stack.
func (u *unpickler) load() (any, error) {
	u.memo = map[int64]any{}
	u.stack = nil
	for range maxOpcodes {
		at := u.read
		op, err := u.byte()
		if err != nil {
			return nil, err
		}
		if op == '.' {
			if len(u.stack) != 1 {
				return nil, fmt.Errorf("it ends with %d values on its stack, one is right", len(u.stack))
			}
			return u.stack[0], nil
		}
		if err := u.step(op); err != nil {
			return nil, fmt.Errorf("opcode %#02x at byte %d: %w", op, at, err)
		}
	}
	return nil, fmt.Errorf("more than %d opcodes", maxOpcodes)
}

func (u *unpickler) bytes(n int64) ([]byte, error) {
	if n < 0 || n > maxString {
		return nil, fmt.Errorf("a string of %d bytes, at most %d are read", n, maxString)
	}
	if u.read += n; u.read > maxPickle {
		return nil, fmt.Errorf("more than %d bytes of pickle", maxPickle)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(u.r, b)
	return b, brokenOff(err)
}

func (u *unpickler) byte() (byte, error) {
	if u.read++; u.read > maxPickle {
		return 0, fmt.Errorf("more than %d bytes of pickle", maxPickle)
	}
	c, err := u.r.ReadByte()
	return c, brokenOff(err)
}

func brokenOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the pickle breaks off")
	}
	return err
}

// number reads an unsigned one of n bytes.
func (u *unpickler) number(n int64) (int64, error) {
	b, err := u.bytes(n)
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[:], b)
	return int64(binary.LittleEndian.Uint64(wide[:])), nil
}

// text reads a string behind its length of n bytes.
func (u *unpickler) text(n int64) (string, error) {
	length, err := u.number(n)
	if err != nil {
		return "", err
	}
	b, err := u.bytes(length)
	return string(b), err
}

// line reads up to the end of a line.
func (u *unpickler) line() (string, error) {
	var s strings.Builder
	for {
		c, err := u.byte()
		if err != nil || c == '\n' {
			return s.String(), err
		}
		if s.Len() >= maxString {
			return "", fmt.Errorf("a line of more than %d bytes", maxString)
		}
		s.WriteByte(c)
	}
}

func (u *unpickler) push(v any, err error) error {
	u.stack = append(u.stack, v)
	return err
}

var errStack = errors.New("its stack does not hold what the opcode takes")

func (u *unpickler) pop() (any, error) {
	if len(u.stack) == 0 {
		return nil, errStack
	}
	v := u.stack[len(u.stack)-1]
	u.stack = u.stack[:len(u.stack)-1]
	if _, ok := v.(mark); ok {
		return nil, errStack
	}
	return v, nil
}

// popN takes the n topmost values, in order.
func (u *unpickler) popN(n int) (tuple, error) {
	t := make(tuple, n)
	for i := n - 1; i >= 0; i-- {
		var err error
		if t[i], err = u.pop(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// popMark takes all that was pushed since the last mark, in order.
func (u *unpickler) popMark() (tuple, error) {
	for i := len(u.stack) - 1; i >= 0; i-- {
		if _, ok := u.stack[i].(mark); ok {
			t := append(tuple{}, u.stack[i+1:]...)
			u.stack = u.stack[:i]
			return t, nil
		}
	}
	return nil, errStack
}

// step carries an opcode out (Python's Lib/pickletools.py describes them).
func (u *unpickler) step(op byte) error {
	switch op {
	case 0x80, 0x95: // PROTO, FRAME
		_, err := u.bytes(map[byte]int64{0x80: 1, 0x95: 8}[op])
		return err
	case '(':
		return u.push(mark{}, nil)
	case 'N':
		return u.push(nil, nil)
	case 0x88, 0x89:
		return u.push(op == 0x88, nil)
	case '}':
		return u.push(&dict{}, nil)
	case ']':
		return u.push(&list{}, nil)
	case 0x8f: // EMPTY_SET
		return u.push(opaque{"builtins set"}, nil)
	case ')':
		return u.push(tuple{}, nil)
	case '0': // POP
		_, err := u.pop()
		return err
	case '1': // POP_MARK
		_, err := u.popMark()
		return err
	case '2': // DUP
		v, err := u.pop()
		return errors.Join(u.push(v, err), u.push(v, nil))
	case 'K', 'M', 'J', 'G', 0x8a, 0x8b:
		return u.push(u.constant(op))
	case 'X', 'B', 'T', 0x8c, 'U', 'C', 0x8d, 0x8e:
		return u.push(u.text(map[byte]int64{'X': 4, 'B': 4, 'T': 4, 0x8c: 1, 'U': 1, 'C': 1, 0x8d: 8, 0x8e: 8}[op]))
	case 'q', 'r', 0x94, 'h', 'j':
		return u.remember(op)
	}
	return u.compose(op)
}

// constant reads a number.
func (u *unpickler) constant(op byte) (any, error) {
	switch op {
	case 'K':
		return u.number(1)
	case 'M':
		return u.number(2)
	case 'J':
		n, err := u.number(4)
		return int64(int32(n)), err
	case 'G': // the only big-endian one
		b, err := u.bytes(8)
		if err != nil {
			return nil, err
		}
		return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
	}
	// LONG1, LONG4: two's complement behind its length
	s, err := u.text(map[byte]int64{0x8a: 1, 0x8b: 4}[op])
	if err != nil || len(s) > 8 {
		return opaque{"builtins int"}, err
	}
	var n int64
	for i := len(s) - 1; i >= 0; i-- {
		n = n<<8 | int64(s[i])
	}
	if bits := 8 * len(s); bits > 0 && bits < 64 {
		n = n << (64 - bits) >> (64 - bits)
	}
	return n, nil
}

// remember puts the topmost value into the memo, or gets one out.
func (u *unpickler) remember(op byte) error {
	index := int64(len(u.memo)) // MEMOIZE
	if op != 0x94 {
		var err error
		if index, err = u.number(map[byte]int64{'q': 1, 'h': 1, 'r': 4, 'j': 4}[op]); err != nil {
			return err
		}
	}
	if op == 'h' || op == 'j' {
		v, ok := u.memo[index]
		if !ok {
			return fmt.Errorf("nothing is remembered under %d", index)
		}
		return u.push(v, nil)
	}
	if len(u.stack) == 0 {
		return errStack
	}
	u.memo[index] = u.stack[len(u.stack)-1]
	return nil
}

// compose carries out what takes values from the stack.
func (u *unpickler) compose(op byte) error {
	switch op {
	case 'c': // GLOBAL
		module, err := u.line()
		name, err2 := u.line()
		return u.push(global(module+" "+name), errors.Join(err, err2))
	case 0x93: // STACK_GLOBAL
		t, err := u.popN(2)
		if err != nil {
			return err
		}
		return u.push(global(fmt.Sprint(t[0], " ", t[1])), nil)
	case 't':
		return u.push(u.popMark())
	case 0x85, 0x86, 0x87:
		return u.push(u.popN(int(op) - 0x84))
	case 'a', 's':
		t, err := u.popN(map[byte]int{'a': 1, 's': 2}[op])
		if err != nil {
			return err
		}
		return u.add(op == 's', t)
	case 'e', 'u', 0x90: // APPENDS, SETITEMS, ADDITEMS
		t, err := u.popMark()
		if err != nil {
			return err
		}
		return u.add(op == 'u', t)
	case 0x91: // FROZENSET
		_, err := u.popMark()
		return u.push(opaque{"builtins frozenset"}, err)
	case 'Q': // BINPERSID
		v, err := u.pop()
		t, ok := v.(tuple)
		if err != nil || !ok {
			return errors.Join(err, errStack)
		}
		return u.push(u.persistent(t))
	case 'R', 0x81: // REDUCE, NEWOBJ
		t, err := u.popN(2)
		if err != nil {
			return err
		}
		return u.push(u.call(t[0], t[1]))
	case 'b': // BUILD: a state, none of which is a tensor's
		_, err := u.pop()
		return err
	}
	return errors.New("unknown opcode")
}

// add puts items into the list, or keys and values into the dict, on top of the stack.
func (u *unpickler) add(pairs bool, items tuple) error {
	if len(u.stack) == 0 {
		return errStack
	}
	switch to := u.stack[len(u.stack)-1].(type) {
	case *list:
		if !pairs {
			to.items = append(to.items, items...)
			return nil
		}
	case *dict:
		if pairs && len(items)%2 == 0 {
			for i := 0; i < len(items); i += 2 {
				to.keys, to.values = append(to.keys, items[i]), append(to.values, items[i+1])
			}
			return nil
		}
	case opaque:
		return nil
	}
	return errStack
}

// call is what a function makes of its arguments.
func (u *unpickler) call(f, args any) (any, error) {
	t, ok := args.(tuple)
	name, isGlobal := f.(global)
	switch {
	case !ok:
		return nil, errStack
	case !isGlobal:
		return opaque{}, nil
	}
	switch name {
	case "collections OrderedDict", "collections defaultdict":
		return u.ordered(t)
	case "torch Size":
		if len(t) == 1 {
			if size, ok := t[0].(tuple); ok {
				return size, nil
			}
		}
		return nil, errStack
	}
	v, err := u.rebuild(name, t)
	if v == nil && err == nil {
		v = opaque{name}
	}
	return v, err
}

// ordered is a dict of nothing, or of the list of pairs that Python 2 gives it.
func (u *unpickler) ordered(args tuple) (any, error) {
	d := &dict{}
	for _, arg := range args {
		pairs, ok := arg.(*list)
		if !ok {
			continue // a default's factory
		}
		if u.pairs += len(pairs.items); u.pairs > maxOpcodes {
			return nil, fmt.Errorf("dicts of more than %d pairs", maxOpcodes)
		}
		for _, item := range pairs.items {
			pair, ok := item.(tuple)
			if l, isList := item.(*list); isList {
				pair, ok = l.items, true
			}
			if !ok || len(pair) != 2 {
				return nil, errStack
			}
			d.keys, d.values = append(d.keys, pair[0]), append(d.values, pair[1])
		}
	}
	return d, nil
}
