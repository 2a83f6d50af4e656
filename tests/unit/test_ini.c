/* SPDX-License-Identifier: ISC */
/*
 * Reading INI files: each trap of inih, includes, and the numbers of lines.
 * What the reader hears is written down as text: "1 [section]" and
 * "2 key=value", with the name of the file in front when it is not main.ini.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ini.h"
#include "tests/unit/folder.h"

static char heard[32768];
static char section_heard[64];

static void
hear_place(const char *file, int line)
{
	const char *name = file + strlen(folder) + 1;
	size_t len = strlen(heard);

	if (strcmp(name, "main.ini") == 0)
		name = "";
	snprintf(heard + len, sizeof(heard) - len, "%s%s%d ", name,
	    *name == '\0' ? "" : ":", line);
}

static void
hear_section(void *arg, const char *file, int line, const char *name)
{
	(void)arg;
	hear_place(file, line);
	strlcat(heard, "[", sizeof(heard));
	strlcat(heard, name, sizeof(heard));
	strlcat(heard, "]\n", sizeof(heard));
	strlcpy(section_heard, name, sizeof(section_heard));
}

static void
hear_value(void *arg, const char *file, int line, const char *section,
    const char *key, const char *value)
{
	(void)arg;
	hear_place(file, line);
	/* Only when it is not the one told last: after an include. */
	if (strcmp(section, section_heard) != 0) {
		strlcat(heard, section, sizeof(heard));
		strlcat(heard, "/", sizeof(heard));
	}
	strlcat(heard, key, sizeof(heard));
	strlcat(heard, "=", sizeof(heard));
	strlcat(heard, value, sizeof(heard));
	strlcat(heard, "\n", sizeof(heard));
}

/* Reads PATH; what was heard and what was complained about must be these. */
static void
read_gives(const char *path, const char *expected, const char *complaints)
{
	const struct ini_reader reader = { NULL, hear_section, hear_value,
		NULL };
	struct errors errors;

	heard[0] = section_heard[0] = '\0';
	errors_init(&errors);
	bool good = ini_read(path, &reader, &errors);
	assert_string_equal(error_text(&errors), complaints);
	assert_string_equal(heard, expected);
	assert_int_equal(good, errors_none(&errors));
	errors_clear(&errors);
}

static void
bytes_give(
    const char *text, size_t len, const char *expected, const char *complaints)
{
	read_gives(write_bytes("main.ini", text, len), expected, complaints);
}

static void
text_gives(const char *text, const char *expected, const char *complaints)
{
	bytes_give(text, strlen(text), expected, complaints);
}

static void
sections_and_values(void **state)
{
	(void)state;
	text_gives("# comment\n; comment\n\n[a]\nx=1\n  y  =  two words  \n",
	    "4 [a]\n5 x=1\n",
	    "@/main.ini:6: the line is indented; values are not continued, "
	    "each setting begins at the left\n");
	text_gives("[a]\nx\t=\t1 \ny=\n[b c]\nz = a = b: c\n",
	    "1 [a]\n2 x=1\n3 y=\n4 [b c]\n5 z=a = b: c\n", "");
	text_gives("[a]\nno=newline", "1 [a]\n2 no=newline\n", "");
	text_gives("", "", "");
	text_gives("\n\n", "", "");
}

static void
empty_sections_are_seen(void **state)
{
	(void)state;
	text_gives("[a]\n[b]\n[c]\n", "1 [a]\n2 [b]\n3 [c]\n", "");
}

static void
duplicates_are_told_as_they_stand(void **state)
{
	(void)state;
	text_gives("[a]\nx=1\nx=2\n[a]\nx=3\n",
	    "1 [a]\n2 x=1\n3 x=2\n4 [a]\n5 x=3\n", "");
}

static void
a_folder_is_no_file(void **state)
{
	(void)state;
	read_gives(folder, "", "@: cannot be read: it is not a regular file\n");
}

static void
a_missing_file(void **state)
{
	(void)state;
	read_gives(in_folder("missing.ini"), "",
	    "@/missing.ini: cannot be read: No such file or directory\n");
}

static void
a_fifo_does_not_hold_us(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
	read_gives(in_folder("fifo"), "",
	    "@/fifo: cannot be read: it is not a regular file\n");
}

static void
a_file_too_large(void **state)
{
	char *text = malloc(INI_FILE_MAX);

	(void)state;
	assert_non_null(text);
	memset(text, '\n', INI_FILE_MAX);
	bytes_give(text, INI_FILE_MAX, "",
	    "@/main.ini: cannot be read: the file has 1048576 bytes, less "
	    "than 1048576 are allowed\n");
	bytes_give(text, INI_FILE_MAX - 1, "", "");
	free(text);
}

/* "[a]", a line of LEN bytes, a line after it. */
static size_t
with_long_line(char *text, size_t len)
{
	size_t n = (size_t)sprintf(text, "[a]\nkey=");

	memset(text + n, 'v', len - 4);
	n += len - 4;
	return n + (size_t)sprintf(text + n, "\nafter=1\n");
}

static void
long_lines_are_whole(void **state)
{
	static const size_t lengths[] = { 190, 196, 197, 198, 199, 200, 201,
		202, 203, 204, 205, 255, 256, 257, 399, 400, 401, 1023, 1024,
		2047, 2048, 2049, 4093, 4094, 4095 };
	char text[8192], expected[8192];

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t len = with_long_line(text, lengths[i]);
		snprintf(expected, sizeof(expected),
		    "1 [a]\n2 key=%.*s\n3 after=1\n", (int)lengths[i] - 4,
		    text + strlen("[a]\nkey="));
		bytes_give(text, len, expected, "");
	}
}

static void
longer_lines_are_an_error(void **state)
{
	char text[16384];

	(void)state;
	bytes_give(text, with_long_line(text, 4096), "1 [a]\n3 after=1\n",
	    "@/main.ini:2: the line has 4096 bytes, at most 4095 are "
	    "allowed\n");
	bytes_give(text, with_long_line(text, 12000), "1 [a]\n3 after=1\n",
	    "@/main.ini:2: the line has 12000 bytes, at most 4095 are "
	    "allowed\n");
}

/* The rest of a line that inih cuts was taken for a line by itself. */
static void
no_long_line_smuggles_a_key(void **state)
{
	char text[1024], expected[1024], filler[300];

	(void)state;
	memset(filler, 'A', sizeof(filler));
	filler[sizeof(filler) - 1] = '\0';
	snprintf(text, sizeof(text), "[a]\nx=%sevil=1\ny=2\n", filler);
	snprintf(
	    expected, sizeof(expected), "1 [a]\n2 x=%sevil=1\n3 y=2\n", filler);
	text_gives(text, expected, "");
}

#define INDENTED                                                        \
	"the line is indented; values are not continued, each setting " \
	"begins at the left\n"

static void
indented_lines(void **state)
{
	(void)state;
	text_gives("[a]\nx=1\n  y=2\n\t[b]\nz=3\n", "1 [a]\n2 x=1\n5 z=3\n",
	    "@/main.ini:3: " INDENTED "@/main.ini:4: " INDENTED);
	text_gives(
	    "[a]\n  # comment\n \t \n\t; comment\nx=1\n", "1 [a]\n5 x=1\n", "");
}

static void
long_names(void **state)
{
	char text[512], name[64];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[48] = '\0';
	snprintf(text, sizeof(text), "[%s]\n%s=1\n", name, name);
	char expected[512];
	snprintf(expected, sizeof(expected), "1 [%s]\n2 %s=1\n", name, name);
	text_gives(text, expected, "");
	name[48] = 'n';
	name[49] = '\0';
	snprintf(text, sizeof(text), "[a]\n%s = 1\nx=1\n[%s]\ny=1\n[b]\nz=1\n",
	    name, name);
	text_gives(text, "1 [a]\n3 x=1\n6 [b]\n7 z=1\n",
	    "@/main.ini:2: the name of the setting has more than 48 bytes\n"
	    "@/main.ini:4: the name of the section has more than 48 bytes\n");
}

static void
junk_behind_a_section(void **state)
{
	(void)state;
	text_gives("[a] junk\nx=1\n", "1 [a]\n2 x=1\n",
	    "@/main.ini:1: \"junk\" stands behind the section; nothing may\n");
	text_gives("[a]]\nx=1\n", "1 [a]\n2 x=1\n",
	    "@/main.ini:1: \"]\" stands behind the section; nothing may\n");
	text_gives("[a] ; comment\nx=1\n", "1 [a]\n2 x=1\n", "");
}

static void
a_section_without_its_end(void **state)
{
	(void)state;
	text_gives("[a]\nx=1\n[b\nx=2\n", "1 [a]\n2 x=1\n3 [b]\n4 x=2\n",
	    "@/main.ini:3: \"[b\" has no ]; a section is [name]\n");
}

static void
a_section_without_a_name(void **state)
{
	(void)state;
	text_gives("[]\nx=1\n[b]\ny=2\n", "3 [b]\n4 y=2\n",
	    "@/main.ini:1: the section has no name\n");
}

static void
nul_bytes(void **state)
{
	static const char text[] = "[a]\nx=1\0y\n\0z=2\nw=3\n";

	(void)state;
	bytes_give(text, sizeof(text) - 1, "1 [a]\n4 w=3\n",
	    "@/main.ini:2: there is a NUL byte in the line\n"
	    "@/main.ini:3: there is a NUL byte in the line\n");
}

static void
ends_of_lines(void **state)
{
	(void)state;
	text_gives("[a]\r\nx=1\r\n\r\ny=2\r\n", "1 [a]\n2 x=1\n4 y=2\n", "");
	text_gives("[a]\rx=1\ry=2\r", "",
	    "@/main.ini:1: there is a carriage return in the line; lines end "
	    "with a newline\n");
	text_gives("[a]\nx=1\ry=2\nz=3\n", "1 [a]\n3 z=3\n",
	    "@/main.ini:2: there is a carriage return in the line; lines end "
	    "with a newline\n");
}

static void
a_byte_order_mark(void **state)
{
	(void)state;
	text_gives("\xef\xbb\xbf[a]\nx=1\n", "1 [a]\n2 x=1\n", "");
	text_gives("\xef\xbb\xbf", "", "");
	text_gives("\xef\xbb\xbf[a]\n\xef\xbb\xbfx=1\n\xef\xbb\xbf[b]\ny=2\n",
	    "1 [a]\n4 y=2\n",
	    "@/main.ini:2: there is a byte order mark in the line; only a "
	    "file may begin with one\n"
	    "@/main.ini:3: there is a byte order mark in the line; only a "
	    "file may begin with one\n");
}

static void
no_name_before_the_equals_sign(void **state)
{
	(void)state;
	text_gives("[a]\n= v\n", "1 [a]\n",
	    "@/main.ini:2: there is no name before the =\n");
}

static void
a_colon_is_no_equals_sign(void **state)
{
	(void)state;
	text_gives("[a]\nk:e=v\nlisten tcp://x:1\nk: v\n", "1 [a]\n",
	    "@/main.ini:2: \"k:e=v\" has a : where the = is expected; a "
	    "setting is written name = value\n"
	    "@/main.ini:3: \"listen tcp://x:1\" has a : where the = is "
	    "expected; a setting is written name = value\n"
	    "@/main.ini:4: \"k: v\" has a : where the = is expected; a "
	    "setting is written name = value\n");
	text_gives("[a]\nlisten=tcp://[::1]:80\n",
	    "1 [a]\n2 listen=tcp://[::1]:80\n", "");
}

static void
no_equals_sign(void **state)
{
	(void)state;
	text_gives("[a]\nkey\nbad\x1b[0m\nx=1\n", "1 [a]\n4 x=1\n",
	    "@/main.ini:2: \"key\" has no =; a setting is written name = "
	    "value\n"
	    "@/main.ini:3: \"bad\\033[0m\" has no =; a setting is written "
	    "name = value\n");
}

static void
before_any_section(void **state)
{
	(void)state;
	text_gives("x=1\n[a]\ny=2\n", "2 [a]\n3 y=2\n",
	    "@/main.ini:1: \"x\" stands before the first section\n");
}

static void
comments_in_a_line(void **state)
{
	(void)state;
	text_gives("[a]\nb=x ;c\nc=x;c\nd=x # c\ne=\"q ; r\"\nf= ;x\n"
		   "g=;x\nh=x\t; c\n",
	    "1 [a]\n2 b=x\n3 c=x;c\n4 d=x # c\n5 e=\"q\n6 f=\n7 g=;x\n"
	    "8 h=x\n",
	    "");
	text_gives("[a]\nkey ; = 1\n", "1 [a]\n",
	    "@/main.ini:2: \"key\" has no =; a setting is written name = "
	    "value\n");
}

static void
lines_that_inih_would_not_take(void **state)
{
	(void)state;
	text_gives("[a]\n\v[b]=x\n\v#=y\nz=1\n", "1 [a]\n4 z=1\n",
	    "@/main.ini:2: the line cannot be read; a setting is written "
	    "name = value\n"
	    "@/main.ini:3: the line cannot be read; a setting is written "
	    "name = value\n");
}

/* Each trap, and a value right behind it: the number must be right. */
static void
lines_are_counted_through_every_trap(void **state)
{
	static const char *const traps[] = { "  indented=1", "[s] junk", "[s",
		"[]", "= v", "k:e=v", "key", "cr\rcr=1", "# comment",
		"include = none/*.ini", "x = y ; z" };
	char text[8192];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(traps) / sizeof(traps[0]); i++)
		n += (size_t)sprintf(
		    text + n, "%s\n[a]\nn=%zu\n", traps[i], i * 3 + 3);
	memset(text + n, 'x', 5000);
	n += 5000;
	n += (size_t)sprintf(text + n, "\n[a]\nn=%zu\n",
	    sizeof(traps) / sizeof(traps[0]) * 3 + 3);
	write_bytes("main.ini", text, n);
	const struct ini_reader reader = { NULL, hear_section, hear_value,
		NULL };
	struct errors errors;
	heard[0] = section_heard[0] = '\0';
	errors_init(&errors);
	assert_false(ini_read(in_folder("main.ini"), &reader, &errors));
	errors_clear(&errors);
	size_t n_told = 0;
	for (char *line = strtok(heard, "\n"); line != NULL;
	     line = strtok(NULL, "\n")) {
		int number, value;
		if (sscanf(line, "%d n=%d", &number, &value) != 2)
			continue;
		assert_int_equal(number, value);
		n_told++;
	}
	assert_int_equal(n_told, sizeof(traps) / sizeof(traps[0]) + 1);
}

static void
included_from_the_folder_of_the_file(void **state)
{
	(void)state;
	write_file("sub/b.ini", "[b]\ny=2\ninclude = c.ini\n");
	write_file("sub/c.ini", "[c]\nz=3\n");
	write_file("c.ini", "[wrong]\n");
	text_gives("[a]\ninclude = sub/b.ini\n",
	    "1 [a]\nsub/b.ini:1 [b]\nsub/b.ini:2 y=2\nsub/c.ini:1 [c]\n"
	    "sub/c.ini:2 z=3\n",
	    "");
}

static void
included_by_an_absolute_path(void **state)
{
	char text[PATH_MAX + 64];

	(void)state;
	snprintf(text, sizeof(text), "include = %s\n",
	    write_file("other.ini", "[b]\n"));
	text_gives(text, "other.ini:1 [b]\n", "");
	snprintf(text, sizeof(text), "include = %s/oth*.ini\n", folder);
	text_gives(text, "other.ini:1 [b]\n", "");
}

static void
a_pattern_gives_files_in_order(void **state)
{
	(void)state;
	write_file("conf.d/20-b.ini", "[b]\n");
	write_file("conf.d/10-a.ini", "[a]\n");
	write_file("conf.d/3-c.ini", "[c]\n");
	write_file("conf.d/10-a.ini~", "[backup]\n");
	write_file("conf.d/.hidden.ini", "[hidden]\n");
	text_gives("include = conf.d/*.ini\n",
	    "conf.d/10-a.ini:1 [a]\nconf.d/20-b.ini:1 [b]\n"
	    "conf.d/3-c.ini:1 [c]\n",
	    "");
}

static void
a_folder_with_wildcards_in_its_name(void **state)
{
	const char *path =
	    write_file("[x]*/main.ini", "include = conf.d/*.ini\n");

	(void)state;
	write_file("[x]*/conf.d/a.ini", "[a]\n");
	read_gives(path, "[x]*/conf.d/a.ini:1 [a]\n", "");
}

static void
a_pattern_may_match_nothing(void **state)
{
	(void)state;
	text_gives("include = nothing/*.ini\n[a]\n", "2 [a]\n", "");
}

static void
a_file_that_is_named_must_exist(void **state)
{
	(void)state;
	text_gives("\ninclude = missing.ini\n[a]\n", "3 [a]\n",
	    "@/main.ini:2: cannot include \"@/missing.ini\": No such file or "
	    "directory\n");
	text_gives("include =\n", "",
	    "@/main.ini:1: include needs the name of a file or a pattern\n");
	write_file("d.ini/x", "");
	text_gives("include = d.in*\n", "",
	    "@/main.ini:1: cannot include \"@/d.ini\": it is not a regular "
	    "file\n");
}

static void
circles(void **state)
{
	(void)state;
	text_gives("[a]\ninclude = main.ini\nx=1\n", "1 [a]\n3 x=1\n",
	    "@/main.ini:2: cannot include \"@/main.ini\": the file would "
	    "include itself\n");
	write_file("round.ini", "\n\ninclude = main.ini\n");
	text_gives("include = round.ini\n", "",
	    "@/round.ini:3: cannot include \"@/main.ini\": the file would "
	    "include itself\n");
	/* By another name it is the same file. */
	assert_int_equal(symlink("main.ini", in_folder("link.ini")), 0);
	text_gives("include = link.ini\n", "",
	    "@/main.ini:1: cannot include \"@/link.ini\": the file would "
	    "include itself\n");
}

static void
depth(void **state)
{
	char name[32], text[64];

	(void)state;
	for (int i = 1; i <= 9; i++) {
		snprintf(name, sizeof(name), "deep%d.ini", i);
		snprintf(text, sizeof(text), "[d%d]\n", i);
		if (i < 9)
			snprintf(text, sizeof(text),
			    "[d%d]\ninclude = deep%d.ini\n", i, i + 1);
		write_file(name, text);
	}
	text_gives("include = deep2.ini\n",
	    "deep2.ini:1 [d2]\ndeep3.ini:1 [d3]\ndeep4.ini:1 [d4]\n"
	    "deep5.ini:1 [d5]\ndeep6.ini:1 [d6]\ndeep7.ini:1 [d7]\n"
	    "deep8.ini:1 [d8]\ndeep9.ini:1 [d9]\n",
	    "");
	text_gives("include = deep1.ini\n",
	    "deep1.ini:1 [d1]\ndeep2.ini:1 [d2]\ndeep3.ini:1 [d3]\n"
	    "deep4.ini:1 [d4]\ndeep5.ini:1 [d5]\ndeep6.ini:1 [d6]\n"
	    "deep7.ini:1 [d7]\ndeep8.ini:1 [d8]\n",
	    "@/deep8.ini:2: more than 8 files include one another\n");
}

static void
the_section_goes_on_after_an_include(void **state)
{
	(void)state;
	write_file("b.ini", "x=0\n[b]\ny=1\n");
	text_gives("[a]\ninclude = b.ini\nz=2\n",
	    "1 [a]\nb.ini:1 x=0\nb.ini:2 [b]\nb.ini:3 y=1\n3 a/z=2\n", "");
	write_file("b.ini", "[b]\ny=1\n");
	text_gives("include = b.ini\nz=2\n", "b.ini:1 [b]\nb.ini:2 y=1\n",
	    "@/main.ini:2: \"z\" stands before the first section\n");
}

static void
errors_of_an_included_file_have_its_name(void **state)
{
	(void)state;
	write_file("b.ini", "[b]\n\n  x=1\n");
	text_gives("\n\n\n\n\n[a]\ninclude = b.ini\njunk\n",
	    "6 [a]\nb.ini:1 [b]\n",
	    "@/b.ini:3: " INDENTED
	    "@/main.ini:8: \"junk\" has no =; a setting is written name = "
	    "value\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sections_and_values),
		cmocka_unit_test(empty_sections_are_seen),
		cmocka_unit_test(duplicates_are_told_as_they_stand),
		cmocka_unit_test(a_folder_is_no_file),
		cmocka_unit_test(a_missing_file),
		cmocka_unit_test(a_fifo_does_not_hold_us),
		cmocka_unit_test(a_file_too_large),
		cmocka_unit_test(long_lines_are_whole),
		cmocka_unit_test(longer_lines_are_an_error),
		cmocka_unit_test(no_long_line_smuggles_a_key),
		cmocka_unit_test(indented_lines),
		cmocka_unit_test(long_names),
		cmocka_unit_test(junk_behind_a_section),
		cmocka_unit_test(a_section_without_its_end),
		cmocka_unit_test(a_section_without_a_name),
		cmocka_unit_test(nul_bytes),
		cmocka_unit_test(ends_of_lines),
		cmocka_unit_test(a_byte_order_mark),
		cmocka_unit_test(no_name_before_the_equals_sign),
		cmocka_unit_test(a_colon_is_no_equals_sign),
		cmocka_unit_test(no_equals_sign),
		cmocka_unit_test(before_any_section),
		cmocka_unit_test(comments_in_a_line),
		cmocka_unit_test(lines_that_inih_would_not_take),
		cmocka_unit_test(lines_are_counted_through_every_trap),
		cmocka_unit_test(included_from_the_folder_of_the_file),
		cmocka_unit_test(included_by_an_absolute_path),
		cmocka_unit_test(a_pattern_gives_files_in_order),
		cmocka_unit_test(a_folder_with_wildcards_in_its_name),
		cmocka_unit_test(a_pattern_may_match_nothing),
		cmocka_unit_test(a_file_that_is_named_must_exist),
		cmocka_unit_test(circles),
		cmocka_unit_test(depth),
		cmocka_unit_test(the_section_goes_on_after_an_include),
		cmocka_unit_test(errors_of_an_included_file_have_its_name),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
