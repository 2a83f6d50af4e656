/* SPDX-License-Identifier: ISC */
/*
 * The allocator of OpenSSL, which is the C library's, but for the wiping.
 */
#include <openssl/crypto.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "common/tls_memory.h"

static bool wiping;

static void *
allocate(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return malloc(size);
}

static void
release(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	if (wiping && memory != NULL)
		explicit_bzero(memory, malloc_usable_size(memory));
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
	wiping = false;
}
