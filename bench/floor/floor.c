/* What the machine itself needs, as near to the kernel as it gets. "floor pipe N"
 * and "floor futex N" print the median of N round trips of 64 bytes between two
 * processes, "floor spawn N" the whole time of N times true, two at a time; in
 * nanoseconds. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <spawn.h>
#include <time.h>
#include <unistd.h>

struct page {
	_Atomic unsigned word; /* odd: the child's turn */
	char pad[60];
	char data[64];
};

static struct page *page;
static int to[2], from[2];
static char buf[64];

static long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void turn(unsigned next)
{
	memcpy(page->data, buf, sizeof buf);
	atomic_store(&page->word, next);
	syscall(SYS_futex, &page->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void await(unsigned next)
{
	unsigned w;
	while ((w = atomic_load(&page->word)) != next)
		syscall(SYS_futex, &page->word, FUTEX_WAIT, w, NULL, NULL, 0);
	memcpy(buf, page->data, sizeof buf);
}

static void pass(int in, int out)
{
	if (out >= 0 && write(out, buf, sizeof buf) != sizeof buf)
		_exit(1);
	if (in >= 0 && read(in, buf, sizeof buf) != sizeof buf)
		_exit(1);
}

static int ascending(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;
	return (x > y) - (x < y);
}

extern char **environ;

static int spawn(int n)
{
	char *argv[] = {"true", NULL};
	long begun = now();
	for (int i = 0; i < n + 2; i++) {
		pid_t pid;
		if (i >= 2 && wait(NULL) < 0)
			return 1;
		if (i < n && posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ))
			return 1;
	}
	printf("%ld\n", now() - begun);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	int futex = !strcmp(argv[1], "futex"), n = atoi(argv[2]);
	if (!strcmp(argv[1], "spawn"))
		return spawn(n);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (n < 1 || page == MAP_FAILED || pipe(to) || pipe(from))
		return 1;
	pid_t child = fork();
	if (child < 0)
		return 1;
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (unsigned i = 1;; i += 2)
			if (futex) {
				await(i);
				turn(i + 1);
			} else {
				pass(to[0], -1);
				pass(-1, from[1]);
			}
	}
	long *took = malloc(n * sizeof *took);
	for (int i = 0; i < n; i++) {
		long begun = now();
		if (futex) {
			turn(2 * i + 1);
			await(2 * i + 2);
		} else {
			pass(from[0], to[1]);
		}
		took[i] = now() - begun;
	}
	kill(child, SIGKILL);
	qsort(took, n, sizeof *took, ascending);
	printf("%ld\n", took[n / 2]);
	return 0;
}
