/* SPDX-License-Identifier: ISC */
/*
 * The command line of preforksniff. Each option is a row of one table, from
 * which getopt_long(3) and the help are fed.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/client_options.h"
#include "clients/preforksniff_options.h"

#define INTERFACE_DEFAULT "any"
#define SNAP_LENGTH	  262144 /* the most that libpcap takes */

static const struct client_option rows[] = {
	{ 'c', "count", "N", "end after so many packets", 0 },
	{ 'D', "list-interfaces", NULL, "list the interfaces there are", 0 },
	{ 'h', "help", NULL, "this text", 0 },
	{ 'i', "interface", "NAME", "capture there (any: on all)", 0 },
	{ 'P', "promiscuous", NULL, "also what is for other machines", 0 },
	{ 'r', "read", "FILE", "read packets from a file (-: stdin)", 0 },
	{ 's', "snap-length", "N", "keep so many bytes of each packet", 0 },
	{ 'u', "user", "NAME", "become this user, if root (nobody)", 0 },
	{ 'V', "version", NULL, "version of preforksniff", 0 },
	{ 'w', "write", "FILE", "write packets to a file (-: stdout)", 0 },
	{ 'x', "payload", NULL, "show the payload in hex and escaped", 0 },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static const char usage_text[] =
    "usage: preforksniff [-DhPVx] [-c count] [-i interface] [-r file] "
    "[-s length]\n"
    "                    [-u user] [-w file] [filter words | address]\n";

void
options_complain(const char *format, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("preforksniff: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static _Noreturn void
print_help(void)
{
	printf("%s\n", usage_text);
	client_options_help(rows, N_ROWS, 20);
	puts("\nThe filter is one of pcap-filter(7); in it tcp://host:port "
	     "and udp://host:port\nstand for what goes there and comes from "
	     "there.");
	exit(fflush(stdout) == EOF ? SNIFF_FAILED : SNIFF_DONE);
}

static _Noreturn void
usage_error(void)
{
	fputs(usage_text, stderr);
	exit(SNIFF_USAGE);
}

static long long
parse_number(const char *what, const char *text, long long max)
{
	const char *why;
	long long n = strtonum(text, 1, max, &why);

	if (why == NULL)
		return n;
	options_complain("%s \"%s\" is %s: 1 to %lld", what, text, why, max);
	exit(SNIFF_USAGE);
}

static void
take_option(struct options *options, int letter)
{
	switch (letter) {
	case 'c':
		options->count =
		    (uint64_t)parse_number("count", optarg, INT64_MAX);
		break;
	case 'D':
		options->list_interfaces = true;
		break;
	case 'h':
		print_help();
	case 'i':
		options->wish.interface = optarg;
		break;
	case 'P':
		options->wish.promiscuous = true;
		break;
	case 'r':
		options->read_path = optarg;
		break;
	case 's':
		options->wish.snap_length =
		    (int)parse_number("snap length", optarg, SNAP_LENGTH);
		break;
	case 'u':
		options->user = optarg;
		break;
	case 'V':
		printf("preforksniff %s\n", PREFORKD_VERSION);
		exit(SNIFF_DONE);
	case 'w':
		options->write_path = optarg;
		break;
	case 'x':
		options->payload = true;
		break;
	default:
		usage_error();
	}
}

/* What has no effect is not asked for on purpose. */
static void
check_together(const struct options *options)
{
	const char *why = NULL;

	if (options->read_path != NULL &&
	    (options->wish.interface != NULL || options->wish.promiscuous ||
		options->wish.snap_length != 0))
		why = "-i, -P and -s are for a capture, not for a file";
	else if (options->write_path != NULL && options->payload)
		why = "-x is for lines, not for a file";
	if (why == NULL)
		return;
	options_complain("%s", why);
	exit(SNIFF_USAGE);
}

static void
set_defaults(struct options *options)
{
	if (options->wish.interface == NULL)
		options->wish.interface = INTERFACE_DEFAULT;
	if (options->wish.snap_length == 0)
		options->wish.snap_length = SNAP_LENGTH;
}

void
options_read(struct options *options, int argc, char **argv)
{
	struct option long_options[N_ROWS + 1];
	char letters[2 * N_ROWS + 2];
	int letter;

	*options = (struct options){ 0 };
	letters[0] = '+'; /* "-x" behind the first word is the filter's */
	client_options_tables(rows, N_ROWS, letters + 1, long_options);
	while ((letter = getopt_long(
		    argc, argv, letters, long_options, NULL)) != -1)
		take_option(options, letter);
	options->words = argv + optind;
	check_together(options);
	set_defaults(options);
}
