/* SPDX-License-Identifier: ISC */
/*
 * preforkd: what the command line asks for. Checks and explains without
 * touching anything, or becomes the supervisor: standard descriptors, the
 * configuration, detaching, the pid file, and then supervisor_run().
 */
#include <sys/stat.h>

#include <errno.h>
#include <getopt.h>
#include <gnu/libc-version.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/log.h"
#include "common/tls_memory.h"
#include "supervisor/activation.h"
#include "supervisor/certificates.h"
#include "supervisor/check.h"
#include "supervisor/daemonize.h"
#include "supervisor/explain.h"
#include "supervisor/notify.h"
#include "supervisor/pid_file.h"
#include "supervisor/signals.h"
#include "supervisor/supervisor.h"
#include "worker/worker.h"

#define DEFAULT_FILE PREFORKD_SYSCONFDIR "/preforkd/preforkd.ini"

enum task {
	TASK_RUN = 0,
	TASK_CHECK,
	TASK_PRINT,
	TASK_EXPLAIN,
	TASK_VERSION,
	TASK_HELP,
};

struct options {
	enum task task;
	bool detach;
	bool verbose;
	const char *file;
	const char *key; /* --explain */
};

static const char usage_text[] =
    "usage: preforkd [-dtTvV] [-c file] [--explain [key]]\n"
    "  -c, --config file   configuration (" DEFAULT_FILE ")\n"
    "  -d, --daemon        detach; return when every pool is ready\n"
    "  -t, --test          check the file and everything it names\n"
    "  -T, --print         print the effective configuration\n"
    "  -v, --verbose       log at level debug\n"
    "  -V, --version       version, and what it was built with\n"
    "  -h, --help          this text\n"
    "      --explain [key] tell all settings, or all about one\n";

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "daemon", no_argument, NULL, 'd' },
	{ "test", no_argument, NULL, 't' },
	{ "print", no_argument, NULL, 'T' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ "explain", no_argument, NULL, 'E' },
	{ 0 },
};

static _Noreturn void
usage_error(void)
{
	fputs(usage_text, stderr);
	exit(EX_USAGE);
}

static void
take_option(struct options *options, int option)
{
	switch (option) {
	case 'c':
		options->file = optarg;
		break;
	case 'd':
		options->detach = true;
		break;
	case 't':
		options->task = TASK_CHECK;
		break;
	case 'T':
		options->task = TASK_PRINT;
		break;
	case 'v':
		options->verbose = true;
		break;
	case 'V':
		options->task = TASK_VERSION;
		break;
	case 'h':
		options->task = TASK_HELP;
		break;
	case 'E':
		options->task = TASK_EXPLAIN;
		break;
	default:
		usage_error();
	}
}

static struct options
parse_options(int argc, char **argv)
{
	struct options options = { .file = DEFAULT_FILE };
	int option;

	while ((option = getopt_long(
		    argc, argv, "+c:dtTvVh", long_options, NULL)) != -1)
		take_option(&options, option);
	if (options.task == TASK_EXPLAIN && optind < argc)
		options.key = argv[optind++];
	if (optind < argc) {
		fprintf(stderr, "preforkd: unexpected \"%s\"\n", argv[optind]);
		usage_error();
	}
	return options;
}

static struct config *
read_config(const char *file)
{
	struct errors errors;

	errors_init(&errors);
	struct config *config = config_load(file, worker_handlers(), &errors);
	for (size_t i = 0; i < errors.n; i++)
		fprintf(stderr, "%s\n", errors.messages[i]);
	if (config == NULL && errors.n == 0)
		fprintf(stderr, "preforkd: out of memory\n");
	errors_clear(&errors);
	return config;
}

static int
check(const char *file)
{
	struct config *config = read_config(file);
	struct errors errors;

	if (config == NULL)
		return EX_CONFIG;
	errors_init(&errors);
	const struct errors *warnings = config_warnings(config);
	for (size_t i = 0; i < warnings->n; i++)
		fprintf(stderr, "warning: %s\n", warnings->messages[i]);
	check_config(config, &errors);
	for (size_t i = 0; i < errors.n; i++)
		fprintf(stderr, "%s\n", errors.messages[i]);
	bool good = errors_none(&errors);
	errors_clear(&errors);
	if (good)
		printf("%s: good, %zu services in %zu pools\n", file,
		    config->n_services, config->n_pools);
	config_unref(config);
	return good ? EXIT_SUCCESS : EX_CONFIG;
}

static int
print(const char *file)
{
	struct config *config = read_config(file);

	if (config == NULL)
		return EX_CONFIG;
	config_print(config, stdout);
	config_unref(config);
	return EXIT_SUCCESS;
}

static int
print_version(void)
{
	const struct handler_catalog *catalog = worker_handlers();

	printf("preforkd %s\n", PREFORKD_VERSION);
	printf("compiler: %s\n", __VERSION__);
	printf("C library: glibc %s\n", gnu_get_libc_version());
	printf("TLS: %s\n", certificates_library());
	printf("JSON: jansson %s\n", jansson_version_str());
	printf("handlers:");
	for (size_t i = 0; i < catalog->n; i++)
		printf(" %s", catalog->handlers[i].name);
	printf("\n");
	return EXIT_SUCCESS;
}

static int
explain_settings(const char *key)
{
	if (explain(key))
		return EXIT_SUCCESS;
	fprintf(stderr,
	    "preforkd: there is no setting \"%s\"; --explain "
	    "without a name lists all\n",
	    key);
	return EX_USAGE;
}

static int
run(const struct options *options)
{
	activation_init(); /* before anything else is opened and stays so */
	struct config *config = read_config(options->file);

	if (config == NULL)
		return EX_CONFIG;
	log_init("preforkd",
	    options->verbose ? LOG_LEVEL_DEBUG
			     : (enum log_level)config->daemon.log_level);
	supervisor.config_path = strdup(config->path);
	if (supervisor.config_path == NULL)
		fatal(EXIT_FAILURE, "out of memory");
	supervisor.detached = options->detach;
	supervisor.verbose = options->verbose;
	umask(022);
	if (options->detach && daemonize() == -1)
		fatal(EXIT_FAILURE, "cannot detach: %s", strerror(errno));
	signals_block();
	notify_init();
	if (!pid_file_take(config->daemon.pid_file)) {
		config_unref(config);
		return EXIT_FAILURE;
	}
	int status = supervisor_run(config, daemonize_ready);
	pid_file_remove();
	free(supervisor.config_path);
	return status;
}

/* What was printed must have arrived. */
static int
printed(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "preforkd: cannot write: %s\n", strerror(errno));
	return EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	if (daemonize_standard_fds() == -1) {
		fprintf(stderr, "preforkd: cannot open \"/dev/null\": %s\n",
		    strerror(errno));
		return EXIT_FAILURE;
	}
	tls_memory_guard();
	const struct options options = parse_options(argc, argv);
	switch (options.task) {
	case TASK_RUN:
		return run(&options);
	case TASK_CHECK:
		return printed(check(options.file));
	case TASK_PRINT:
		return printed(print(options.file));
	case TASK_EXPLAIN:
		return printed(explain_settings(options.key));
	case TASK_VERSION:
		return printed(print_version());
	case TASK_HELP:
		fputs(usage_text, stdout);
		return printed(EXIT_SUCCESS);
	}
	return EX_USAGE;
}
