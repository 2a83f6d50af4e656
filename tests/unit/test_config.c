/* SPDX-License-Identifier: ISC */
/* Configurations as objects: built, printed, compared. Errors of single values
 * are the bats tests'; here is what those cannot see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "tests/unit/folder.h"
#include "worker/worker.h"

#define ECHO "[service echo]\nhandler = echo\nlisten = tcp://127.0.0.1:7\n"

static struct config *
load_with(
    const char *name, const char *text, const struct handler_catalog *catalog)
{
	struct errors errors;

	errors_init(&errors);
	struct config *config =
	    config_load(write_file(name, text), catalog, &errors);
	if (config == NULL)
		fail_msg("%s", error_text(&errors));
	assert_true(errors_none(&errors));
	errors_clear(&errors);
	return config;
}

static struct config *
load(const char *name, const char *text)
{
	return load_with(name, text, worker_handlers());
}

static void
errors_are(const char *text, const char *expected)
{
	struct errors errors;

	errors_init(&errors);
	assert_null(config_load(
	    write_file("main.ini", text), worker_handlers(), &errors));
	assert_string_equal(error_text(&errors), expected);
	errors_clear(&errors);
}

static void
defaults(void **state)
{
	struct config *config = load("main.ini", ECHO);
	const struct pool_config *pool = config_pool(config, "default");
	const struct service_config *service = config_service(config, "echo");

	(void)state;
	assert_int_equal(config->n_pools, 1);
	assert_ptr_equal(pool, config->pools[0]);
	assert_int_equal(pool->workers, 0);
	assert_int_equal(pool->max_connections, 10000);
	assert_int_equal(pool->sandbox, SANDBOX_ON);
	assert_ptr_equal(service->pool_config, pool);
	assert_int_equal(service->idle_timeout_ms, 300000);
	assert_true(service->nodelay);
	assert_false(service->udp_amplify);
	assert_int_equal(service->socket_mode, 0666);
	assert_string_equal(config->daemon.pid_file, "");
	assert_string_equal(config->daemon.access_log, "");
	assert_int_equal(config->daemon.control_mode, 0600);
	assert_null(config_pool(config, "other"));
	assert_null(config_service(config, "other"));
	config_unref(config);
}

static void
every_type_is_taken(void **state)
{
	struct config *config = load("main.ini",
	    "[preforkd]\nlog = logs/x.log\ndrain_timeout = 250ms\n"
	    "control_mode = 660\n[pool p]\nworkers = 3\nnice = -5\n"
	    "sandbox = log\n[service s]\nhandler = echo\npool = p\n"
	    "listen = tcp://127.0.0.1:7, udp://*:7\nlisten=unix:s.sock\n"
	    "nodelay = off\nallow = 10.0.0.0/8, ::1\nbanner = hi\n");
	const struct service_config *service = config->services[0];

	(void)state;
	assert_string_equal(config->daemon.log, in_folder("logs/x.log"));
	assert_int_equal(config->daemon.drain_timeout_ms, 250);
	assert_int_equal(config->daemon.control_mode, 0660);
	assert_int_equal(config->n_pools, 2);
	assert_int_equal(config->pools[1]->workers, 3);
	assert_int_equal(config->pools[1]->nice, -5);
	assert_int_equal(config->pools[1]->sandbox, SANDBOX_LOG);
	assert_ptr_equal(service->pool_config, config->pools[1]);
	assert_int_equal(service->listen.n, 3);
	assert_int_equal(service->listen.items[1].kind, ADDRESS_UDP);
	assert_string_equal(service->listen.items[2].path, in_folder("s.sock"));
	assert_int_equal(service->listen_places[1].line, 12);
	assert_int_equal(service->listen_places[2].line, 13);
	assert_false(service->nodelay);
	assert_int_equal(service->allow.n, 2);
	assert_int_equal(service->n_values, 1);
	assert_string_equal(service->values[0].text, "hi");
	config_unref(config);
}

static void
references_are_counted(void **state)
{
	struct config *config = load("main.ini", ECHO);

	(void)state;
	assert_ptr_equal(config_ref(config), config);
	config_unref(config);
	assert_non_null(config_service(config, "echo"));
	config_unref(config);
	config_unref(NULL);
}

static void
paths_are_of_the_folder_of_the_file_that_has_them(void **state)
{
	(void)state;
	write_file(
	    "sub/more.ini", "[service b]\nhandler=echo\nlisten=unix:b.sock\n");
	struct config *config =
	    load("main.ini", "include = sub/more.ini\n" ECHO);
	assert_string_equal(config_service(config, "b")->listen.items[0].path,
	    in_folder("sub/b.sock"));
	assert_string_equal(
	    config_service(config, "b")->place.file, in_folder("sub/more.ini"));
	config_unref(config);
}

static void
places(void **state)
{
	struct config *config =
	    load("main.ini", "\n[preforkd]\n\nlog_level = warn\n" ECHO);
	struct config_place place =
	    config_place_of(config, SECTION_DAEMON, "", "log_level");

	(void)state;
	assert_int_equal(place.line, 4);
	assert_string_equal(place.file, in_folder("main.ini"));
	place = config_place_of(config, SECTION_DAEMON, "", "log");
	assert_int_equal(place.line, 2);
	place = config_place_of(config, SECTION_SERVICE, "echo", "listen");
	assert_int_equal(place.line, 7);
	place = config_place_of(config, SECTION_POOL, "default", "nice");
	assert_int_equal(place.line, 0);
	assert_string_equal(place.file, in_folder("main.ini"));
	config_unref(config);
}

static void
an_empty_file_and_an_unreadable_one(void **state)
{
	(void)state;
	errors_are("",
	    "@/main.ini: there is no [service NAME], so there is "
	    "nothing to do\n");
	errors_are("junk\n",
	    "@/main.ini:1: \"junk\" has no =; a setting is "
	    "written name = value\n");
}

static void
what_is_missing_is_told_once(void **state)
{
	(void)state;
	errors_are("[service a]\n",
	    "@/main.ini:1: [service a] has no \"listen\", which is needed\n"
	    "@/main.ini:1: [service a] has no \"handler\", which is needed\n");
	errors_are("[service a]\nlisten = tcp://*:7\n",
	    "@/main.ini:1: [service a] has no \"handler\", which is "
	    "needed\n");
	errors_are("[service a]\nlisten = tcp://*:7\nhandler =\n",
	    "@/main.ini:3: \"handler = \" is not a name of 1 to 32 letters, "
	    "digits, _, - and .\n");
	/* A heading that was meant as one is no missing service. */
	errors_are("[servcie a]\nlisten = x\n",
	    "@/main.ini:1: unknown section [servcie a], did you mean "
	    "[service]?\n");
}

static void
errors_do_not_leak_what_was_read(void **state)
{
	(void)state;
	errors_are("[pool p]\nworkers = x\n[pool p]\n[service a]\n"
		   "handler = hello\nlisten = tcp://*:7 y unix:z w\n"
		   "allow = ::1 any\ngreeting = 1\ngreeting = 2\n",
	    "@/main.ini:3: [pool p] is there already, at @/main.ini:1\n"
	    "@/main.ini:2: \"workers = x\" is not a whole number; allowed is "
	    "auto or 1 to 512\n"
	    "@/main.ini:6: \"listen = y\" is not an address: it must begin "
	    "with tcp://, tls://, udp://, unix:, tls+unix:, unixgram:, "
	    "fd:// or tls+fd://\n"
	    "@/main.ini:6: \"listen = w\" is not an address: it must begin "
	    "with tcp://, tls://, udp://, unix:, tls+unix:, unixgram:, "
	    "fd:// or tls+fd://\n"
	    "@/main.ini:7: \"allow = ::1 any\" is wrong: \"any\" is not a "
	    "network such as 10.0.0.0/8 or ::1/128\n"
	    "@/main.ini:9: \"greeting\" is set already, at @/main.ini:8\n");
}

/* What is printed, as a file of that name. */
static struct config *
printed(const struct config *config, const struct handler_catalog *catalog)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	config_print(config, out);
	assert_int_equal(fclose(out), 0);
	struct config *again = load_with("printed.ini", text, catalog);
	free(text);
	return again;
}

static void
is_no_change(const struct config *before, const struct config *after)
{
	struct config_changes changes;

	assert_true(config_compare(before, after, &changes));
	if (changes.n > 0)
		fail_msg("%s: %s, %s", changes.items[0].setting->name,
		    changes.items[0].before, changes.items[0].after);
	config_changes_clear(&changes);
}

static void
what_is_printed_reads_back_equal(void **state)
{
	static const char *const texts[] = { ECHO,
		"[preforkd]\nlog = x.log\naccess_log = log\ncontrol = none\n"
		"pid_file = a b.pid\ndrain_timeout = 90s\n" ECHO
		"banner = ;x \\ttext=: #\n",
		"[pool default]\nworkers = 7\n[pool p]\nsandbox = off\n" ECHO
		"pool = p\nsocket_mode = 7\nallow = 10.0.0.1/32,::/0\n"
		"listen = tcp://[::0001]:7 udp://*:7 unix:a unixgram:@b "
		"fd://c\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct config *config = load("main.ini", texts[i]);
		struct config *again = printed(config, worker_handlers());
		is_no_change(config, again);
		is_no_change(again, config);
		config_unref(again);
		config_unref(config);
	}
}

static void
many_addresses_are_printed_in_lines_that_fit(void **state)
{
	char text[32768] = ECHO;

	(void)state;
	for (int i = 0; i < 400; i++)
		sprintf(text + strlen(text), "listen = unix:@name-%d\n", i);
	struct config *config = load("main.ini", text);
	struct config *again = printed(config, worker_handlers());
	assert_int_equal(again->services[0]->listen.n, 401);
	is_no_change(config, again);
	config_unref(again);
	config_unref(config);
}

/* A handler with a setting of each type that it may have. */
static const char *const fruit[] = { "apple", "pear", NULL };
static const struct setting typed_settings[] = {
	{ SECTION_HANDLER, "number", SETTING_INTEGER, "1", 0, 9, NULL,
	    CHANGE_WORKERS, 0, "a number", NULL },
	{ SECTION_HANDLER, "wait", SETTING_DURATION, "1m", 0, 86400000, NULL,
	    CHANGE_WORKERS, 0, "a duration", NULL },
	{ SECTION_HANDLER, "room", SETTING_SIZE, "1k", 0, 1 << 30, NULL,
	    CHANGE_WORKERS, 0, "a size", NULL },
	{ SECTION_HANDLER, "mode", SETTING_MODE, "0600", 0, 0777, NULL,
	    CHANGE_WORKERS, 0, "a mode", NULL },
	{ SECTION_HANDLER, "flag", SETTING_BOOLEAN, "no", 0, 0, NULL,
	    CHANGE_WORKERS, 0, "a flag", NULL },
	{ SECTION_HANDLER, "fruit", SETTING_ENUM, "apple", 0, 0, fruit,
	    CHANGE_WORKERS, 0, "a word", NULL },
	{ SECTION_HANDLER, "text", SETTING_STRING, "", 0, 0, NULL,
	    CHANGE_WORKERS, 0, "a text", NULL },
	{ SECTION_HANDLER, "file", SETTING_PATH, "none", 0, 0, NULL,
	    CHANGE_WORKERS, 0, "a path", NULL },
	{ SECTION_HANDLER, "nets", SETTING_NETWORKS, "", 0, 0, NULL,
	    CHANGE_WORKERS, 0, "networks", NULL },
	{ SECTION_HANDLER, "program", SETTING_COMMAND, NULL, 0, 0, NULL,
	    CHANGE_WORKERS, 0, "a command", NULL },
};
static const struct handler_info typed_handler = { "typed", "", true, true,
	typed_settings, sizeof(typed_settings) / sizeof(typed_settings[0]) };
static const struct handler_catalog typed_catalog = { &typed_handler, 1 };

#define TYPED "[service t]\nhandler = typed\nlisten = tcp://*:7\n"

static void
handlers_have_settings_of_every_type(void **state)
{
	struct config *config = load_with("main.ini",
	    TYPED "number = 7\nwait = 60s\nroom = 1024\nmode = 600\n"
		  "flag = off\nfruit = pear\ntext = a  b\nfile = x\n"
		  "nets = ::1/128\nprogram = cat  'it'\\''s'\n",
	    &typed_catalog);
	const struct handler_value *values = config->services[0]->values;

	(void)state;
	assert_int_equal(values[0].number, 7);
	assert_int_equal(values[1].number, 60000);
	assert_int_equal(values[2].number, 1024);
	assert_int_equal(values[3].number, 0600);
	assert_int_equal(values[4].number, 0);
	assert_int_equal(values[5].number, 1);
	assert_string_equal(values[6].text, "a  b");
	assert_string_equal(values[7].text, in_folder("x"));
	assert_int_equal(values[8].networks.n, 1);
	assert_string_equal(values[9].command.argv[1], "it's");
	struct config *again = printed(config, &typed_catalog);
	is_no_change(config, again);
	config_unref(again);
	config_unref(config);
}

/* "60s" and "1m" are one value. */
static void
only_a_change_of_the_value_is_one(void **state)
{
	struct config *before = load_with("main.ini",
	    TYPED "wait = 60s\nroom = 1024\nflag = 0\nprogram = a b\n",
	    &typed_catalog);
	struct config *after = load_with("main.ini",
	    TYPED "wait = 1m\nroom = 1k\nflag = no\nprogram = 'a'  \"b\"\n",
	    &typed_catalog);

	(void)state;
	is_no_change(before, after);
	config_unref(before);
	config_unref(after);
}

/* The changes between two texts: "section name setting: before -> after",
 * "+" and "-" for whole sections. */
static void
changes_are(const char *before, const char *after, const char *expected)
{
	struct config *was = load("main.ini", before);
	struct config *is = load("main.ini", after);
	struct config_changes changes;
	char text[2048] = "";

	assert_true(config_compare(was, is, &changes));
	for (size_t i = 0; i < changes.n; i++) {
		const struct config_change *change = &changes.items[i];
		size_t len = strlen(text);
		if (change->setting == NULL)
			snprintf(text + len, sizeof(text) - len, "%s%s %s\n",
			    change->before == NULL ? "+" : "-",
			    settings_section_name(change->section),
			    change->name);
		else
			snprintf(text + len, sizeof(text) - len,
			    "%s %s %s: %s -> %s\n",
			    settings_section_name(change->section),
			    change->name, change->setting->name, change->before,
			    change->after);
	}
	assert_string_equal(text, expected);
	config_changes_clear(&changes);
	config_unref(was);
	config_unref(is);
}

static void
each_kind_of_change_is_found(void **state)
{
	(void)state;
	changes_are(ECHO, ECHO, "");
	changes_are(ECHO, "# comment\n" ECHO "idle_timeout = 300s\n", "");
	changes_are(ECHO, "[preforkd]\nlog_level = debug\n" ECHO,
	    "[preforkd]  log_level: info -> debug\n");
	changes_are(ECHO, "[pool default]\nworkers = 2\n" ECHO,
	    "[pool] default workers: auto -> 2\n");
	changes_are(ECHO, ECHO "backlog = 7\nnodelay = no\n",
	    "[service] echo backlog: 4096 -> 7\n"
	    "[service] echo nodelay: yes -> no\n");
	changes_are(ECHO, ECHO "listen = udp://127.0.0.1:7\n",
	    "[service] echo listen: tcp://127.0.0.1:7 -> tcp://127.0.0.1:7 "
	    "udp://127.0.0.1:7\n");
	changes_are(
	    ECHO, ECHO "allow = ::1/128\n", "[service] echo allow:  -> ::1\n");
	changes_are(
	    ECHO, ECHO "banner = hi\n", "handler echo banner:  -> hi\n");
}

static void
sections_come_and_go(void **state)
{
	(void)state;
	changes_are(ECHO, ECHO "[pool p]\n", "+[pool] p\n");
	changes_are(ECHO "[pool p]\n", ECHO, "-[pool] p\n");
	changes_are(ECHO,
	    "[service e2]\nhandler = echo\nlisten = tcp://127.0.0.1:7\n",
	    "+[service] e2\n-[service] echo\n");
	changes_are(ECHO, ECHO "pool = p\n[pool p]\n",
	    "+[pool] p\n[service] echo pool: default -> p\n");
	/* Its settings are others then. */
	changes_are(ECHO "banner = x\n",
	    "[service echo]\nhandler = hello\nlisten = tcp://127.0.0.1:7\n",
	    "[service] echo handler: echo -> hello\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(every_type_is_taken),
		cmocka_unit_test(references_are_counted),
		cmocka_unit_test(
		    paths_are_of_the_folder_of_the_file_that_has_them),
		cmocka_unit_test(places),
		cmocka_unit_test(an_empty_file_and_an_unreadable_one),
		cmocka_unit_test(what_is_missing_is_told_once),
		cmocka_unit_test(errors_do_not_leak_what_was_read),
		cmocka_unit_test(what_is_printed_reads_back_equal),
		cmocka_unit_test(many_addresses_are_printed_in_lines_that_fit),
		cmocka_unit_test(handlers_have_settings_of_every_type),
		cmocka_unit_test(only_a_change_of_the_value_is_one),
		cmocka_unit_test(each_kind_of_change_is_found),
		cmocka_unit_test(sections_come_and_go),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
