/* SPDX-License-Identifier: ISC */
/*
 * The allocator of OpenSSL, which is the C library's, but for the wiping and
 * for the buffers of records.
 */
#include <openssl/crypto.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "common/tls_memory.h"

/* A record has 16 KiB and some bytes of frame (RFC 8446, 5.2). All buffers get
 * the same size, so that each will do for every other; malloc(3) may give a
 * little more than it is asked for. */
#define RECORD_MIN  ((size_t)16 * 1024)
#define BUFFER_SIZE ((size_t)17 * 1024)
#define SPARE_MAX   (BUFFER_SIZE + 256)
#define SPARES	    8

static bool wiping, keeping;
static void *spares[SPARES];
static size_t n_spares;

static void *
allocate(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (!keeping || size < RECORD_MIN || size > BUFFER_SIZE)
		return malloc(size);
	return n_spares > 0 ? spares[--n_spares] : malloc(BUFFER_SIZE);
}

static bool
keep(void *memory, size_t size)
{
	if (!keeping || size < BUFFER_SIZE || size > SPARE_MAX ||
	    n_spares == SPARES)
		return false;
	spares[n_spares++] = memory;
	return true;
}

static void
release(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	if (memory == NULL)
		return;
	size_t size = malloc_usable_size(memory);
	if (wiping)
		explicit_bzero(memory, size);
	if (!keep(memory, size))
		free(memory);
}

/* realloc(3) may move, and leaves what was there. */
static void *
reallocate(void *memory, size_t size, const char *file, int line)
{
	if (!wiping || memory == NULL)
		return realloc(memory, size);
	void *moved = malloc(size);
	if (moved == NULL)
		return NULL;
	size_t before = malloc_usable_size(memory);
	memcpy(moved, memory, before < size ? before : size);
	release(memory, file, line);
	return moved;
}

bool
tls_memory_guard(void)
{
	wiping = CRYPTO_set_mem_functions(allocate, reallocate, release) == 1;
	return wiping;
}

void
tls_memory_relax(void)
{
	keeping = wiping;
	wiping = false;
}
