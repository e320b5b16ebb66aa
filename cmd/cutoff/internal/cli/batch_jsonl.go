package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/internal/proc"
)

// taskKeys are the keys of a task object, as a message lists them.
const taskKeys = "id, argv, cmd, env, dir, stdin, timeout, grace, cpu, memory, idle, output, nofile, nproc, no_core, nice, cpus"

// parseTaskLine makes a task of a line of JSON:
//
//	{"id": "7", "argv": ["minisat", "a b.cnf"], "timeout": "2s"}
//	{"cmd": "sort big | head -1", "env": {"LC_ALL": "C"}, "dir": "/data", "stdin": "text", "timeout": 0.5}
//
// It reads the object key by key, because encoding/json by itself takes keys
// of another case, keys given twice, and bytes that are not UTF-8 for right.
func parseTaskLine(_ int64, text string) (batch.Task, bool, error) {
	if strings.TrimSpace(text) == "" {
		return batch.Task{}, false, nil
	}
	if !utf8.ValidString(text) {
		return batch.Task{}, false, errors.New("not valid UTF-8")
	}
	var b taskBuilder
	if err := b.readObject(json.NewDecoder(strings.NewReader(text))); err != nil {
		return batch.Task{}, false, err
	}
	task, err := b.task()
	return task, true, err
}

// taskBuilder collects the fields of a task object.
type taskBuilder struct {
	t    batch.Task
	cmd  string
	seen []string
}

func (b *taskBuilder) readObject(dec *json.Decoder) error {
	if tok, err := dec.Token(); err != nil {
		return jsonError(err)
	} else if tok != json.Delim('{') {
		return errors.New("not a JSON object")
	}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return jsonError(err)
		}
		key, ok := tok.(string)
		if !ok {
			return errors.New("not a JSON object")
		}
		if slices.Contains(b.seen, key) {
			return fmt.Errorf("the key %q is given twice", key)
		}
		b.seen = append(b.seen, key)
		if err := b.field(dec, key); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return jsonError(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("more than one JSON value on the line")
	}
	return nil
}

func (b *taskBuilder) field(dec *json.Decoder, key string) error {
	var err error
	switch key {
	case "id":
		err = decode(dec, &b.t.ID)
	case "argv":
		err = decode(dec, &b.t.Argv)
	case "cmd":
		err = decode(dec, &b.cmd)
	case "env":
		var env map[string]string
		err = decode(dec, &env)
		for name, value := range env {
			b.t.Env = append(b.t.Env, name+"="+value)
			if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
				err = fmt.Errorf("%q is no name of an environment variable, or its value has a NUL byte", name)
			}
		}
		slices.Sort(b.t.Env)
	case "dir":
		err = decode(dec, &b.t.Dir)
	case "stdin":
		var s string
		err = decode(dec, &s)
		b.t.Stdin = []byte(s)
	default:
		return b.limit(dec, key)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// decode takes the next value into v. Null is not taken for "left out".
func decode(dec *json.Decoder, v any) error {
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		return jsonError(err)
	}
	if bytes.Equal(raw, []byte("null")) {
		return errors.New("null is no value: leave the key out")
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return jsonError(err)
	}
	return nil
}

// jsonError puts an error of encoding/json into words for the author of a
// task list.
func jsonError(err error) error {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		want := "a " + kind.Type.String()
		switch kind.Type.Kind() {
		case reflect.Slice:
			want = "an array of strings"
		case reflect.Map:
			want = "an object of strings"
		}
		return fmt.Errorf("a %s where %s belongs", kind.Value, want)
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON object is cut short")
	}
	return fmt.Errorf("not JSON: %w", err)
}

// limit takes a limit of the task's own.
func (b *taskBuilder) limit(dec *json.Decoder, key string) (err error) {
	l := &b.t.Limits
	switch key {
	case "timeout":
		err = decodeLimit(dec, &l.Timeout, parseLimit)
	case "grace":
		err = decodeLimit(dec, &l.Grace, parseLimit)
	case "cpu":
		err = decodeLimit(dec, &l.CPU, parseLimit)
	case "memory":
		err = decodeLimit(dec, &l.Memory, parseSize)
	case "idle":
		err = decodeLimit(dec, &l.Idle, parseLimit)
	case "output":
		err = decodeLimit(dec, &l.Output, parseSize)
	default:
		return b.resource(dec, key)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// resource takes what the task gets of the machine.
func (b *taskBuilder) resource(dec *json.Decoder, key string) (err error) {
	r := &b.t.Resources
	switch key {
	case "nofile":
		err = decodeLimit(dec, &r.NoFile, parseCount)
	case "nproc":
		err = decodeLimit(dec, &r.Processes, parseCount)
	case "no_core":
		err = decode(dec, &r.NoCore)
	case "nice":
		err = decodeLimit(dec, &r.Nice, parseNice)
	case "cpus":
		err = decodeLimit(dec, &r.CPUs, proc.ParseCPUs)
	default:
		return fmt.Errorf("unknown key %q (known: %s)", key, taskKeys)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// decodeLimit takes the next value, a number (of seconds, bytes or things) or a
// string such as "1.5s", "512M" or "0,2-3", into a limit.
func decodeLimit[T any](dec *json.Decoder, to *T, parse func(string) (T, error)) error {
	var raw json.RawMessage
	if err := decode(dec, &raw); err != nil {
		return err
	}
	text := string(raw)
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return jsonError(err)
		}
	}
	var err error
	*to, err = parse(text)
	return err
}

// task completes and checks the task.
func (b *taskBuilder) task() (batch.Task, error) {
	hasArgv, hasCmd := slices.Contains(b.seen, "argv"), slices.Contains(b.seen, "cmd")
	switch {
	case hasArgv == hasCmd:
		return batch.Task{}, errors.New(`give exactly one of "argv" and "cmd"`)
	case hasCmd:
		c, err := commandTask(b.cmd)
		if err != nil {
			return batch.Task{}, err
		}
		b.t.Argv, b.t.Cmd = c.Argv, c.Cmd
	case len(b.t.Argv) == 0 || b.t.Argv[0] == "":
		return batch.Task{}, errors.New("argv: the name of the command is empty")
	}
	for _, w := range append([]string{b.t.Dir}, b.t.Argv...) {
		if strings.IndexByte(w, 0) >= 0 {
			return batch.Task{}, errors.New("argv and dir cannot have a NUL byte")
		}
	}
	return b.t, nil
}

// parseLimit reads a limit of the command line or of a task list: a number of
// seconds, or a duration with units such as "1m30s", "250ms", "1.5h" or "2d".
// Zero is refused: it would read as "at once" to one and as "never" to
// another.
func parseLimit(s string) (time.Duration, error) {
	d, err := parseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%w: write 2s, 1m30s, 250ms, 1.5h, 2d, or a number of seconds", err)
	}
	if d == 0 {
		return 0, fmt.Errorf("%s is no limit: it must be above zero and below 292 years (for no limit, give none)", quote(s))
	}
	return d, nil
}
