/* SPDX-License-Identifier: ISC */
/* The table of settings holds together, and tells its ranges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/config_value.h"
#include "common/settings.h"
#include "worker/worker.h"

union any_field {
	int64_t number;
	bool flag;
	int word;
	char *text;
	char list[64];
};

/* A default must be a value, and its canonical text itself. */
static void
check_default(const struct setting *setting)
{
	union any_field field = { .number = 0 };
	char why[512] = "";

	if (setting->fallback == NULL || setting->type == SETTING_USER)
		return;
	if (!config_value_parse(
		setting, setting->fallback, "/", &field, why, sizeof(why)))
		fail_msg("%s = %s %s", setting->name, setting->fallback, why);
	char *text = config_value_format(setting, &field);
	assert_string_equal(text, setting->fallback);
	free(text);
	config_value_clear(setting, &field);
}

static void
check_help(const struct setting *setting)
{
	size_t len = strlen(setting->help);

	assert_in_range(len, 5, 200);
	assert_int_not_equal(setting->help[len - 1], '.');
	assert_null(strchr(setting->help, '\n'));
	assert_true(strlen(setting->name) < 32);
}

static void
check_range(const struct setting *setting)
{
	switch (setting->type) {
	case SETTING_INTEGER:
	case SETTING_DURATION:
	case SETTING_SHORT_DURATION:
	case SETTING_SIZE:
	case SETTING_MODE:
		assert_true(setting->min < setting->max);
		break;
	case SETTING_ENUM:
		assert_non_null(setting->words);
		break;
	default:
		break;
	}
}

static void
each_row_is_sound(void **state)
{
	const struct handler_catalog *catalog = worker_handlers();

	(void)state;
	for (size_t i = 0; i < settings_count; i++) {
		check_default(&settings_table[i]);
		check_help(&settings_table[i]);
		check_range(&settings_table[i]);
	}
	for (size_t h = 0; h < catalog->n; h++) {
		for (size_t i = 0; i < catalog->handlers[h].n_settings; i++) {
			check_default(&catalog->handlers[h].settings[i]);
			check_help(&catalog->handlers[h].settings[i]);
			check_range(&catalog->handlers[h].settings[i]);
		}
	}
}

static void
no_name_twice_in_a_section(void **state)
{
	(void)state;
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *setting = &settings_table[i];
		assert_ptr_equal(
		    settings_find(setting->section, setting->name), setting);
	}
}

/* They would be ambiguous in [service NAME]. */
static void
no_handler_takes_a_name_of_the_service(void **state)
{
	const struct handler_catalog *catalog = worker_handlers();

	(void)state;
	for (size_t h = 0; h < catalog->n; h++) {
		for (size_t i = 0; i < catalog->handlers[h].n_settings; i++)
			assert_null(settings_find(SECTION_SERVICE,
			    catalog->handlers[h].settings[i].name));
	}
}

static void
rows_are_found_in_their_section_only(void **state)
{
	(void)state;
	assert_non_null(settings_find(SECTION_POOL, "workers"));
	assert_null(settings_find(SECTION_SERVICE, "workers"));
	assert_null(settings_find(SECTION_POOL, "Workers"));
	assert_null(settings_find(SECTION_POOL, ""));
}

static void
range_is(enum setting_section section, const char *name, const char *expected)
{
	char buf[128];

	assert_string_equal(
	    settings_range(settings_find(section, name), buf, sizeof(buf)),
	    expected);
}

static void
ranges_as_text(void **state)
{
	(void)state;
	range_is(SECTION_POOL, "workers", "auto or 1 to 512");
	range_is(SECTION_POOL, "nice", "-20 to 19");
	range_is(SECTION_POOL, "sandbox", "off, on or log");
	range_is(SECTION_POOL, "chroot", "none or a path");
	range_is(SECTION_DAEMON, "log", "stderr, syslog or a path");
	range_is(SECTION_DAEMON, "start_timeout", "100ms to 1d");
	range_is(SECTION_DAEMON, "control_mode", "0 to 0777");
	range_is(SECTION_DAEMON, "user", "");
	range_is(SECTION_SERVICE, "udp_reserved_ports", "refuse or answer");
	range_is(SECTION_SERVICE, "nodelay", "");
}

static void
words_for_sections_and_changes(void **state)
{
	(void)state;
	assert_string_equal(
	    settings_section_name(SECTION_DAEMON), "[preforkd]");
	assert_string_equal(
	    settings_section_name(SECTION_SERVICE), "[service]");
	assert_string_equal(settings_change_name(CHANGE_NOTHING), "nothing");
	assert_string_equal(
	    settings_change_name(CHANGE_REBIND), "a new listener");
	for (int i = SETTING_INTEGER; i <= SETTING_COMMAND; i++)
		assert_non_null(settings_type_help((enum setting_type)i));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_sound),
		cmocka_unit_test(no_name_twice_in_a_section),
		cmocka_unit_test(no_handler_takes_a_name_of_the_service),
		cmocka_unit_test(rows_are_found_in_their_section_only),
		cmocka_unit_test(ranges_as_text),
		cmocka_unit_test(words_for_sections_and_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
