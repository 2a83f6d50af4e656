/* SPDX-License-Identifier: ISC */
/*
 * The man page and the sample are held against the table of settings: each
 * row has its place in both, with the right type, default, range and change.
 * Run from the root of the source tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/settings.h"
#include "worker/worker.h"

#define MANUAL "docs/preforkd.ini.5"
#define SAMPLE "etc/preforkd.ini"

#define TEXT_MAX 100000

static char manual[TEXT_MAX], sample[TEXT_MAX];

static void
read_whole(const char *path, char *text)
{
	FILE *file = fopen(path, "r");

	if (file == NULL)
		fail_msg("cannot open %s", path);
	size_t len = fread(text, 1, TEXT_MAX - 1, file);
	assert_true(len > 0 && len < TEXT_MAX - 1);
	text[len] = '\0';
	fclose(file);
}

/* What mdoc shows: its escapes resolved, ends of lines as blanks. */
static void
resolve_escapes(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++) {
		if (strncmp(from, "\\e", 2) == 0) {
			*to++ = '\\';
			from++;
		} else if (strncmp(from, "\\-", 2) == 0) {
			*to++ = '-';
			from++;
		} else
			*to++ = *from == '\n' ? ' ' : *from;
	}
	*to = '\0';
}

static int
read_documents(void **state)
{
	(void)state;
	read_whole(MANUAL, manual);
	resolve_escapes(manual);
	read_whole(SAMPLE, sample);
	return 0;
}

/* The part of TEXT from BEGIN to END, or to the end of all; static. */
static const char *
part(const char *text, const char *begin, const char *end)
{
	static char found[2][TEXT_MAX];
	static unsigned turn;
	char *into = found[turn++ % 2];
	const char *from = strstr(text, begin);

	if (from == NULL)
		fail_msg("there is no \"%s\"", begin);
	from += strlen(begin);
	const char *to = strstr(from, end);
	size_t len = to == NULL ? strlen(from) : (size_t)(to - from);
	memcpy(into, from, len);
	into[len] = '\0';
	return into;
}

/* How the manual calls values of a type. */
static const char *
word_for(enum setting_type type)
{
	static const char *const words[] = {
		[SETTING_INTEGER] = "number",
		[SETTING_DURATION] = "duration",
		[SETTING_SHORT_DURATION] = "duration",
		[SETTING_SIZE] = "size",
		[SETTING_MODE] = "mode",
		[SETTING_BOOLEAN] = "boolean",
		[SETTING_ENUM] = "word",
		[SETTING_STRING] = "text",
		[SETTING_NAME] = "name",
		[SETTING_USER] = "user",
		[SETTING_GROUP] = "group",
		[SETTING_PATH] = "path",
		[SETTING_PATHS] = "file",
		[SETTING_ADDRESS] = "address ...",
		[SETTING_NETWORKS] = "network ...",
		[SETTING_COMMAND] = "command",
	};

	return words[type];
}

/* "Default 5m, allowed 0 to 365d; a change needs new workers." */
static void
facts(const struct setting *setting, char *buf, size_t size)
{
	char range[128];
	const char *fallback = setting->fallback;

	settings_range(setting, range, sizeof(range));
	snprintf(buf, size, "%s%s%s%s; a change needs %s.",
	    fallback == NULL ? "Required" : "Default ",
	    fallback == NULL	      ? ""
		: fallback[0] == '\0' ? "empty"
				      : fallback,
	    range[0] == '\0' ? "" : ", allowed ", range,
	    settings_change_name(setting->change));
}

/* SECTION: a part of the manual. */
static void
stands_in_manual(const char *section, const struct setting *setting)
{
	char heading[128], expected[512];

	snprintf(heading, sizeof(heading), " .It Cm %s = Ar %s ", setting->name,
	    word_for(setting->type));
	facts(setting, expected, sizeof(expected));
	const char *item = part(part(section, heading, " .It Cm "), "", " .El");
	if (strstr(item, expected) == NULL)
		fail_msg("\"%s\" should say \"%s\", and says%s", setting->name,
		    expected, item);
	/* And something about it that is not in the table. */
	assert_true(strlen(item) > strlen(expected) + 20);
}

static void
has_no_others(const char *section, size_t n)
{
	size_t found = 0;

	for (const char *at = section; (at = strstr(at, " .It Cm ")) != NULL;
	     at++)
		found++;
	assert_int_equal(found, n);
}

static void
every_setting_stands_in_the_manual(void **state)
{
	static const char *const headings[] = { " .Sh DAEMON SETTINGS ",
		" .Sh POOL SETTINGS ", " .Sh SERVICE SETTINGS " };

	(void)state;
	for (int kind = SECTION_DAEMON; kind <= SECTION_SERVICE; kind++) {
		static char section[TEXT_MAX];
		size_t n = 0;
		strcpy(section, part(manual, headings[kind], " .Sh "));
		for (size_t i = 0; i < settings_count; i++) {
			if ((int)settings_table[i].section != kind)
				continue;
			stands_in_manual(section, &settings_table[i]);
			n++;
		}
		has_no_others(section, n);
	}
}

static void
every_handler_stands_in_the_manual(void **state)
{
	const struct handler_catalog *catalog = worker_handlers();
	static char section[TEXT_MAX], own[TEXT_MAX];
	char heading[64];

	(void)state;
	strcpy(section, part(manual, " .Sh HANDLERS ", " .Sh "));
	for (size_t h = 0; h < catalog->n; h++) {
		const struct handler_info *handler = &catalog->handlers[h];
		snprintf(
		    heading, sizeof(heading), " .It Cm %s ", handler->name);
		assert_non_null(strstr(section, heading));
		if (handler->n_settings == 0)
			continue;
		snprintf(heading, sizeof(heading), " .Ss %s ", handler->name);
		strcpy(own, part(section, heading, " .Ss "));
		for (size_t i = 0; i < handler->n_settings; i++)
			stands_in_manual(own, &handler->settings[i]);
	}
}

/* "name = default" as a comment, the help above it. */
static void
stands_in_sample(const char *section, const struct setting *setting)
{
	char line[256];

	snprintf(line, sizeof(line), "\n#%s =%s%s\n", setting->name,
	    setting->fallback[0] == '\0' ? "" : " ", setting->fallback);
	const char *found = strstr(section, line);
	if (found == NULL)
		fail_msg("%s has no line \"%.*s\" in its section", SAMPLE,
		    (int)strlen(line) - 2, line + 1);
	while (found > section && found[-1] != '\n')
		found--;
	if (strncmp(found, "# ", 2) != 0)
		fail_msg("\"%s\" has no help above it", setting->name);
}

static void
every_setting_stands_in_the_sample(void **state)
{
	static const char *const headings[] = { "\n[preforkd]\n",
		"\n[pool default]\n", "\n[service echo]\n" };

	(void)state;
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *setting = &settings_table[i];
		const char *section =
		    part(sample, headings[setting->section], "\n[");
		char line[64];
		snprintf(line, sizeof(line), "\n%s = ", setting->name);
		if (setting->fallback == NULL)
			assert_non_null(strstr(section, line));
		else
			stands_in_sample(section, setting);
	}
}

static void
every_setting_of_handlers_stands_in_the_sample(void **state)
{
	const struct handler_catalog *catalog = worker_handlers();

	(void)state;
	for (size_t h = 0; h < catalog->n; h++) {
		for (size_t i = 0; i < catalog->handlers[h].n_settings; i++)
			stands_in_sample(
			    sample, &catalog->handlers[h].settings[i]);
	}
}

/* Nothing else is commented out that would be no setting. */
static void
what_the_sample_offers_exists(void **state)
{
	const struct handler_catalog *catalog = worker_handlers();
	char name[64];

	(void)state;
	for (const char *at = sample; (at = strstr(at, "\n#")) != NULL; at++) {
		if (sscanf(at, "\n#%63[a-z_] =", name) != 1 ||
		    strcmp(name, "include") == 0)
			continue;
		bool known = settings_find(SECTION_DAEMON, name) != NULL ||
		    settings_find(SECTION_POOL, name) != NULL ||
		    settings_find(SECTION_SERVICE, name) != NULL;
		for (size_t h = 0; h < catalog->n; h++) {
			const struct handler_info *handler =
			    &catalog->handlers[h];
			for (size_t i = 0; i < handler->n_settings; i++)
				known |= strcmp(handler->settings[i].name,
					     name) == 0;
		}
		if (!known)
			fail_msg("%s offers \"%s\"", SAMPLE, name);
	}
}

static struct config *
load(const char *path)
{
	struct errors errors;

	errors_init(&errors);
	struct config *config = config_load(path, worker_handlers(), &errors);
	if (config == NULL)
		fail_msg("%s", errors.messages[0]);
	errors_clear(&errors);
	return config;
}

static void
the_sample_serves_echo_on_loopback(void **state)
{
	struct config *config = load(SAMPLE);

	(void)state;
	assert_int_equal(config->n_services, 1);
	assert_int_equal(config->services[0]->listen.n, 1);
	assert_string_equal(
	    config->services[0]->listen.items[0].host, "127.0.0.1");
	assert_string_equal(
	    config->daemon.pid_file, "/run/preforkd/preforkd.pid");
	config_unref(config);
}

static void
the_demo_has_every_handler(void **state)
{
	const struct handler_catalog *catalog = worker_handlers();
	struct config *config = load("etc/demo.ini");

	(void)state;
	for (size_t h = 0; h < catalog->n; h++) {
		bool used = false;
		for (size_t i = 0; i < config->n_services; i++)
			used |= strcmp(config->services[i]->handler,
				    catalog->handlers[h].name) == 0;
		assert_true(used);
	}
	config_unref(config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_setting_stands_in_the_manual),
		cmocka_unit_test(every_handler_stands_in_the_manual),
		cmocka_unit_test(every_setting_stands_in_the_sample),
		cmocka_unit_test(
		    every_setting_of_handlers_stands_in_the_sample),
		cmocka_unit_test(what_the_sample_offers_exists),
		cmocka_unit_test(the_sample_serves_echo_on_loopback),
		cmocka_unit_test(the_demo_has_every_handler),
	};

	return cmocka_run_group_tests(tests, read_documents, NULL);
}
