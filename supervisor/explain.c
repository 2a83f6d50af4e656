/* SPDX-License-Identifier: ISC */
/*
 * `preforkd --explain`: the tables of settings, read aloud. Runs before any
 * configuration is read.
 */
#include <stdio.h>
#include <string.h>

#include "common/config.h"
#include "common/settings.h"
#include "supervisor/explain.h"
#include "worker/worker.h"

static void
print_line(const char *where, const struct setting *setting)
{
	printf("%-10s %-20s %s\n", where, setting->name, setting->help);
}

static void
print_all_of(const char *where, const struct setting *setting)
{
	char range[128];

	printf("%s %s\n    %s\n", where, setting->name, setting->help);
	printf("    type:     %s\n", settings_type_help(setting->type));
	settings_range(setting, range, sizeof(range));
	if (range[0] != '\0')
		printf("    allowed:  %s\n", range);
	if (setting->fallback == NULL)
		printf("    required\n");
	else
		printf("    default:  %s\n",
		    setting->fallback[0] == '\0' ? "(empty)"
						 : setting->fallback);
	printf(
	    "    a change needs %s\n", settings_change_name(setting->change));
}

/* One row, if it is asked for. */
static bool
tell(const char *key, const char *where, const struct setting *setting)
{
	if (key == NULL)
		print_line(where, setting);
	else if (strcmp(key, setting->name) == 0)
		print_all_of(where, setting);
	else
		return false;
	return true;
}

bool
explain(const char *key)
{
	const struct handler_catalog *catalog = worker_handlers();
	bool any = false;

	for (size_t i = 0; i < settings_count; i++)
		any |=
		    tell(key, settings_section_name(settings_table[i].section),
			&settings_table[i]);
	for (size_t h = 0; h < catalog->n; h++) {
		const struct handler_info *handler = &catalog->handlers[h];
		for (size_t i = 0; i < handler->n_settings; i++)
			any |= tell(key, handler->name, &handler->settings[i]);
	}
	return any;
}
