// Package atomicfile writes the files by which Millrace tells other programs how it stands. It imports the standard library only.
package atomicfile

import (
	"os"
	"path/filepath"
)

// Write puts text and a line's end into a file that its owner alone may read, whole or not at all: who reads the file sees the old text or
// the new one. Of writers at one time the last one wins.
func Write(file string, text []byte) error {
	fresh, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(fresh.Name())
	_, err = fresh.Write(append(text, '\n'))
	if closed := fresh.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(fresh.Name(), file)
}
