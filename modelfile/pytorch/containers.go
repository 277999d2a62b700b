package pytorch

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"io"
	"strings"

	"github.com/hourglass-go/hourglass/modelfile/internal/floats"
)

// openZip reads the zip format: NAME/data.pkl is the pickle, NAME/data/KEY the bytes of a
// storage, stored as they are.
func (f *File) openZip(size int64) (any, error) {
	archive, err := zip.NewReader(f.r, size)
	if err != nil {
		return nil, faulty("zip archive", "%v", err)
	}
	var pickle *zip.File
	for _, e := range archive.File {
		folder, name, _ := strings.Cut(e.Name, "/")
		switch {
		case name == "data.pkl":
			if pickle != nil {
				return nil, faulty("zip archive", "%s and %s are in it, one pickle is right", pickle.Name, e.Name)
			}
			pickle = e
		case name == "byteorder":
			if err := littleEndian(e); err != nil {
				return nil, err
			}
		case strings.HasPrefix(name, "data/"):
			if err := f.placeOf(e, strings.TrimPrefix(name, "data/"), size); err != nil {
				return nil, err
			}
		case name == "constants.pkl":
			return nil, faulty("zip archive", "%s holds a TorchScript program; a state dict is right: torch.save(model.state_dict(), FILE)", folder)
		}
	}
	if pickle == nil {
		return nil, faulty("zip archive", "no data.pkl in it, as torch.save writes it")
	}
	if pickle.UncompressedSize64 > maxPickle {
		return nil, faulty(pickle.Name, "%d bytes, at most %d are read", pickle.UncompressedSize64, maxPickle)
	}
	r, err := pickle.Open()
	if err != nil {
		return nil, faulty(pickle.Name, "%v", err)
	}
	defer r.Close()
	u := unpickler{r: bufio.NewReader(r), persistent: persistent, rebuild: rebuild}
	root, err := u.load()
	if err != nil {
		return nil, faulty(pickle.Name, "%v", err)
	}
	return root, nil
}

// placeOf notes where a storage lies in a file of size bytes.
func (f *File) placeOf(e *zip.File, key string, size int64) error {
	if e.Method != zip.Store {
		return faulty(e.Name, "it is compressed; stored, as torch.save writes it, is right")
	}
	at, err := e.DataOffset()
	if err != nil {
		return faulty(e.Name, "%v", err)
	}
	if _, twice := f.places[key]; twice {
		return faulty(e.Name, "it is in the archive twice")
	}
	if at > size || e.UncompressedSize64 > uint64(size-at) {
		return faulty(e.Name, "%d bytes at byte %d of a file of %d", e.UncompressedSize64, at, size)
	}
	f.places[key] = place{at, int64(e.UncompressedSize64)}
	return nil
}

// littleEndian fails where the archive was written on a machine of the other order.
func littleEndian(e *zip.File) error {
	r, err := e.Open()
	if err != nil {
		return faulty(e.Name, "%v", err)
	}
	defer r.Close()
	order, err := io.ReadAll(io.LimitReader(r, 16))
	if err != nil || string(order) != "little" {
		return faulty(e.Name, "numbers in the order %q (%v), little is right", order, err)
	}
	return nil
}

// legacyMagic is the number that the older format begins with, 0x1950a86a20f9469cfc6c, as
// a pickle.
const legacyMagic = "\x80\x02\x8a\n\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."

// openLegacy reads the format of PyTorch before 1.6: pickles of a magic number, a version,
// the machine's properties, the object, and the keys of the storages; then each storage as
// the number of its elements, 8 bytes, and its elements.
func (f *File) openLegacy(size int64) (any, error) {
	magic := make([]byte, min(size, int64(len(legacyMagic))))
	if err := floats.ReadFull(f.r, magic, 0); err != nil {
		return nil, located(err, "file")
	}
	if string(magic) != legacyMagic {
		return nil, faulty("file", "no file of torch.save: neither a zip archive nor the older format's magic number")
	}
	at := int64(len(legacyMagic))
	storages := map[string]*storage{}
	var values []any
	for _, what := range []string{"version", "properties of the machine", "object", "storage keys"} {
		u := unpickler{
			r:       bufio.NewReader(io.NewSectionReader(f.r, at, size-at)),
			rebuild: rebuild,
			persistent: func(t tuple) (any, error) {
				v, err := persistent(t)
				if s, ok := v.(*storage); ok {
					storages[s.key] = s
				}
				return v, err
			},
		}
		v, err := u.load()
		if err != nil {
			return nil, faulty("pickle of the "+what, "%v", err)
		}
		at += u.read
		values = append(values, v)
	}
	if properties, ok := values[1].(*dict); ok {
		for i, key := range properties.keys {
			if key == "little_endian" && properties.values[i] != true {
				return nil, faulty("properties of the machine", "numbers in big-endian order, little is right")
			}
		}
	}
	keys, ok := values[3].(*list)
	if !ok {
		return nil, faulty("pickle of the storage keys", "it is no list")
	}
	return values[2], f.legacyPlaces(keys.items, storages, at, size)
}

// legacyPlaces notes where the storages lie, from offset at on.
func (f *File) legacyPlaces(keys []any, storages map[string]*storage, at, size int64) error {
	for _, k := range keys {
		key, _ := k.(string)
		s, ok := storages[key]
		if !ok {
			return faulty("pickle of the storage keys", "%v belongs to no tensor", k)
		}
		elem, ok := legacySizes[s.class]
		if !ok {
			return faulty("storage "+key, "of the unknown class %s", s.class)
		}
		var length [8]byte
		if err := floats.ReadFull(f.r, length[:], at); err != nil {
			return located(err, "storage "+key)
		}
		at += int64(len(length))
		n := binary.LittleEndian.Uint64(length[:])
		if n != uint64(s.elems) || s.elems > (size-at)/elem {
			return faulty("storage "+key, "has %d elements, its tensors say %d, and %d bytes are left of the file", n, s.elems, size-at)
		}
		f.places[key] = place{at, s.elems * elem}
		at += s.elems * elem
	}
	return nil
}

// legacySizes are the bytes of an element, by class.
var legacySizes = map[global]int64{
	"torch FloatStorage": 4, "torch DoubleStorage": 8, "torch HalfStorage": 2, "torch BFloat16Storage": 2,
	"torch LongStorage": 8, "torch IntStorage": 4, "torch ShortStorage": 2, "torch CharStorage": 1,
	"torch ByteStorage": 1, "torch BoolStorage": 1,
}
