#include "pcap_filter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char text[PCAP_FILTER_TEXT_SIZE];

static void expressions_become_programs(void **state)
{
	struct pcap_filter_mark mark;

	assert_int_equal(pcap_filter_compile("ether proto 0x88b5", text, &mark, NULL), 0);
	assert_string_equal(text, "002800000000000c"
				  "00150001000088b5"
				  "0006000000040000"
				  "0006000000000000");
	assert_int_equal(pcap_filter_compile(" ", text, &mark, NULL), 0);
	assert_string_equal(text, "");
}

static void wrong_ones_are_marked(void **state)
{
	static const struct {
		const char *expression, *at;
		size_t len;
	} rows[] = {
		{"tcp prot 179", "prot 179", 4},
		{"tcp port", "", 0},
		{"host 1.2.3.4 and (tcp or hots x) and arp", "hots x", 4},
		{"arp and", "", 0},
		{"(arp", "", 0},
		{"arp)", ")", 1},
		{"ip[0", "", 0},
		{"ether[0] & 1 !! 0", "!! 0", 2},
		{"port 80 or port http99x", "http99x", 7},
		{"and arp", "and arp", 3},
		{"tcp port 70000", "70000", 5},
		{"arp tcp", "tcp", 3},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pcap_filter_mark mark;
		struct err err = {0};

		const char *expression = rows[i].expression;
		const char *wanted = rows[i].at[0] ? strstr(expression, rows[i].at)
						   : expression + strlen(expression);

		assert_int_equal(pcap_filter_compile(rows[i].expression, text, &mark, &err),
			-EINVAL);
		assert_string_equal(expression + mark.at, wanted);
		assert_int_equal(mark.len, rows[i].len);
		assert_string_equal(err.field, "filter");
	}
}

static void one_that_is_too_long_is_refused(void **state)
{
	static char expression[40000];
	struct pcap_filter_mark mark;
	struct err err = {0};
	size_t used = 0;

	for (unsigned i = 0; i < 600; i++)
		used += (size_t)sprintf(expression + used, "%sether[%u] = %u", i ? " or " : "", i,
			i % 256);
	assert_int_equal(pcap_filter_compile(expression, text, &mark, &err), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expressions_become_programs),
		cmocka_unit_test(wrong_ones_are_marked),
		cmocka_unit_test(one_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests_name("pcap filter", tests, NULL, NULL);
}
