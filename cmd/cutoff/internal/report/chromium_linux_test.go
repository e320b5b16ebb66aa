package report

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// browserLimit bounds whatever a test does with the browser.
const browserLimit = 4 * time.Minute

// browser is a headless Chromium that is spoken to over the DevTools protocol:
// JSON messages that end with NUL, on its descriptors 3 (in) and 4 (out). When
// these are closed it ends, also when this process dies.
type browser struct {
	ctx  context.Context
	cmd  *exec.Cmd
	in   *os.File
	done chan struct{} // the reader has ended

	mu      sync.Mutex
	changed *sync.Cond // replies or events
	nextID  int
	replies map[int]message
	events  []message
	err     error // why the reader ended
}

// message is one of the protocol.
type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// findChromium returns the browser's path. Where there is none the test is
// skipped, and in CI it fails: there .ci/run installs one.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const why = "no chromium is installed: the HTML report was not opened in a browser"
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
	return ""
}

// startBrowser starts one that is gone when the test ends.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := findChromium(t)
	home := t.TempDir()
	toIt, in, err := os.Pipe()
	check(t, err)
	out, fromIt, err := os.Pipe()
	check(t, err)
	args := []string{"--headless", "--remote-debugging-pipe", "--user-data-dir=" + filepath.Join(home, "profile"), "--no-first-run",
		"--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
		"--disable-breakpad", "--disable-crash-reporter", "--hide-scrollbars", "--force-color-profile=srgb", "about:blank"}
	if os.Getuid() == 0 {
		args = append([]string{"--no-sandbox"}, args...) // it refuses to run as root otherwise
	}
	b := &browser{cmd: exec.Command(path, args...), in: in, done: make(chan struct{}), replies: map[int]message{}}
	b.changed = sync.NewCond(&b.mu)
	var stop context.CancelFunc
	b.ctx, stop = context.WithTimeout(context.Background(), browserLimit)
	b.cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home, "XDG_RUNTIME_DIR="+home)
	b.cmd.ExtraFiles = []*os.File{toIt, fromIt}
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	check(t, b.cmd.Start())
	check(t, errors.Join(toIt.Close(), fromIt.Close()))
	wake := context.AfterFunc(b.ctx, b.changed.Broadcast)
	go b.read(out)
	t.Cleanup(func() {
		b.close(t)
		wake()
		stop()
	})
	return b
}

// close ends the browser, and kills what is left of its group.
func (b *browser) close(t *testing.T) {
	_ = b.send("", "Browser.close", nil, 0)
	_ = b.in.Close()
	gone := make(chan struct{})
	go func() {
		_ = b.cmd.Wait() // its status is no matter
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the browser does not end by itself")
	}
	_ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL)
	<-b.done
}

func (b *browser) read(out *os.File) {
	defer close(b.done)
	defer out.Close()
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadBytes(0)
		var m message
		if err == nil {
			err = json.Unmarshal(bytes.TrimSuffix(line, []byte{0}), &m)
		}
		b.mu.Lock()
		switch {
		case err != nil:
			b.err = fmt.Errorf("the browser is gone: %w", err)
		case m.ID > 0:
			b.replies[m.ID] = m
		default:
			b.events = append(b.events, m)
		}
		b.changed.Broadcast()
		b.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (b *browser) send(session, method string, params any, id int) error {
	var raw json.RawMessage
	if params != nil {
		raw, _ = json.Marshal(params)
	}
	if id == 0 {
		id = 1 << 30 // nobody waits for the reply
	}
	line, err := json.Marshal(message{ID: id, Session: session, Method: method, Params: raw})
	if err != nil {
		return err
	}
	_, err = b.in.Write(append(line, 0))
	return err
}

// wait waits until ready says so; it is called with the lock held.
func (b *browser) wait(what string, ready func() bool) error {
	for !ready() {
		if b.err != nil {
			return b.err
		}
		if b.ctx.Err() != nil {
			return fmt.Errorf("%s: nothing came within %v", what, browserLimit)
		}
		b.changed.Wait()
	}
	return nil
}

// tab is a page that is open.
type tab struct {
	*browser
	t       *testing.T
	session string
}

// call makes a call and decodes its result into out, unless that is nil.
func (p *tab) call(method string, params, out any) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nextID++
	id := p.nextID
	check(p.t, p.send(p.session, method, params, id))
	check(p.t, p.wait(method, func() bool { _, ok := p.replies[id]; return ok }))
	m := p.replies[id]
	delete(p.replies, id)
	if m.Error != nil {
		p.t.Fatalf("%s: %s", method, m.Error.Message)
	}
	if out != nil {
		check(p.t, json.Unmarshal(m.Result, out))
	}
}

// open opens a file in a window of this size and waits until it is loaded.
func (b *browser) open(t *testing.T, file string, width, height int) *tab {
	t.Helper()
	p := &tab{browser: b, t: t}
	var target struct{ TargetID string }
	p.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	p.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	p.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		p.call(domain+".enable", nil, nil)
	}
	p.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
	p.call("Page.navigate", map[string]any{"url": "file://" + file}, nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	check(t, p.wait("load "+file, func() bool { return len(p.seen("Page.loadEventFired")) > 0 }))
	return p
}

// seen returns the parameters of the page's events of a kind. It is called
// with the lock held.
func (p *tab) seen(method string) (out []string) {
	for _, m := range p.events {
		if m.Session == p.session && m.Method == method {
			out = append(out, string(m.Params))
		}
	}
	return out
}

// eval evaluates an expression in the page and returns its value as JSON has
// it. A promise is waited for.
func (p *tab) eval(expression string) any {
	p.t.Helper()
	var reply struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	p.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &reply)
	if reply.ExceptionDetails != nil {
		p.t.Fatalf("%s: %s", expression, reply.ExceptionDetails)
	}
	return reply.Result.Value
}

// want evaluates and compares.
func (p *tab) want(expression string, value any) {
	p.t.Helper()
	if got := p.eval(expression); fmt.Sprint(got) != fmt.Sprint(value) {
		p.t.Errorf("%s is %v, want %v", expression, got, value)
	}
}

// quiet fails the test if the page asked for anything but itself, or
// complained.
func (p *tab) quiet(file string) {
	p.t.Helper()
	p.eval("new Promise((done) => setTimeout(done))") // what was on its way has come
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, request := range p.seen("Network.requestWillBeSent") {
		var r struct{ Request struct{ URL string } }
		check(p.t, json.Unmarshal([]byte(request), &r))
		if url, _, _ := strings.Cut(r.Request.URL, "#"); url != "file://"+file && url != "data:," {
			p.t.Errorf("the page asks for %s", r.Request.URL)
		}
	}
	for _, method := range []string{"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Page.javascriptDialogOpening", "Network.webSocketCreated"} {
		for _, params := range p.seen(method) {
			p.t.Errorf("%s: %.400s", method, params)
		}
	}
}
