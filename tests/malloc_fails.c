/* SPDX-License-Identifier: ISC */
/*
 * An LD_PRELOAD that lets allocations fail, for the tests of docs/faults.md.
 * The file MALLOC_FAILS holds two 32-bit numbers and is mapped by the process
 * that is started and by all that it forks, so that a test can change them
 * while they run: one of how many allocations fails in the first process, and
 * in its children. 0: none. Works with and without the address sanitizer.
 */
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

extern void *__interceptor_malloc(size_t) __attribute__((weak));
extern void *__interceptor_calloc(size_t, size_t) __attribute__((weak));
extern void *__interceptor_realloc(void *, size_t) __attribute__((weak));
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static const volatile uint32_t *one_in;
static pid_t first;

static void begin(void) __attribute__((constructor));

static void
begin(void)
{
	const char *path = getenv("MALLOC_FAILS");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *shared;

	if (fd == -1)
		return;
	shared = mmap(NULL, 2 * sizeof(*one_in), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	first = getpid();
	if (shared != MAP_FAILED)
		one_in = shared;
}

static int
fails(void)
{
	static uint64_t state;
	uint32_t n = one_in == NULL ? 0 : one_in[getpid() == first ? 0 : 1];

	if (n == 0)
		return 0;
	/* Knuth's MMIX numbers; each process takes a way of its own. */
	state = (state + (uint64_t)getpid()) * 6364136223846793005u +
	    1442695040888963407u;
	if ((uint32_t)(state >> 33) % n != 0)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *
malloc(size_t size)
{
	if (fails())
		return NULL;
	return __interceptor_malloc != NULL ? __interceptor_malloc(size)
					    : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	if (fails())
		return NULL;
	return __interceptor_calloc != NULL ? __interceptor_calloc(n, size)
					    : __libc_calloc(n, size);
}

void *
realloc(void *old, size_t size)
{
	if (fails())
		return NULL;
	return __interceptor_realloc != NULL ? __interceptor_realloc(old, size)
					     : __libc_realloc(old, size);
}
