/* SPDX-License-Identifier: ISC */
/* Whatever answers on a control socket, the parser stays within its line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reply_parser parser = { 0 };
	const char *code, *text;
	char *copy = malloc(size + 1);
	char *rest = copy, *line;

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	copy[size] = '\0';
	while ((line = strsep(&rest, "\n")) != NULL)
		reply_parse_line(&parser, line, &code, &text);
	free(copy);
	return 0;
}
