#include "pcap_filter.h"

#include "str.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FRAME 262144

/* How a beginning might go on, for all that it may be short of; and parentheses behind it. */
static const char *const endings[] = {"", " 1", " tcp", " 10.0.0.1", " ::1", " 00:00:00:00:00:01",
	" host 10.0.0.1", " 10.0.0.0/24", " 1-2", " = 1", " 1 = 1", " 1] = 1", "] = 1", " port 1",
	" proto 1", " ip host 10.0.0.1", " net 10.0.0.0/8", " mask 255.0.0.0"};
#define MAX_ENDING      32
#define MAX_PARENTHESES 16

static pcap_t *open_dead(void)
{
	return pcap_open_dead(DLT_EN10MB, MAX_FRAME);
}

static bool compiles(pcap_t *pcap, const char *expression)
{
	struct bpf_program program;

	if (pcap_compile(pcap, &program, expression, 1, PCAP_NETMASK_UNKNOWN) < 0)
		return false;
	pcap_freecode(&program);
	return true;
}

/* Could the beginning of that length become an expression? buf: room for it and an ending. */
static bool may_go_on(pcap_t *pcap, const char *expression, size_t len, char *buf, size_t size)
{
	int depth = 0;

	for (size_t i = 0; i < len; i++)
		depth += (expression[i] == '(') - (expression[i] == ')');
	if (depth < 0 || depth > MAX_PARENTHESES)
		return depth >= 0;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		(void)snprintf(buf, size, "%.*s%s%.*s", (int)len, expression, endings[i], depth,
			"))))))))))))))))");
		if (compiles(pcap, buf))
			return true;
		/* `(ip[0` has one within its brackets. */
		(void)snprintf(buf, size, "%.*s%.*s%s", (int)len, expression, depth,
			"))))))))))))))))", endings[i]);
		if (compiles(pcap, buf))
			return true;
	}
	return false;
}

/* The end of the word, or of the sign, that begins there. */
static size_t end_of_word(const char *expression, size_t at)
{
	static const char signs[] = "()[]=<>!&|+*/%^-";
	size_t len = strcspn(expression + at, " \t\n()[]=<>!&|+*/%^");

	if (len)
		return at + len;
	len = strspn(expression + at, "=<>!&|");
	return at + (len ? len : strchr(signs, expression[at]) != NULL);
}

static struct pcap_filter_mark find_mark(const char *expression)
{
	size_t at = 0, size = strlen(expression) + MAX_ENDING + MAX_PARENTHESES;
	struct pcap_filter_mark mark = {0};
	pcap_t *pcap = open_dead();
	char *buf = malloc(size);

	while (pcap && buf) {
		size_t end;

		at += strspn(expression + at, " \t\n");
		mark = (struct pcap_filter_mark){at, 0};
		if (!expression[at])
			break;
		end = end_of_word(expression, at);
		if (!may_go_on(pcap, expression, end, buf, size)) {
			mark.len = end - at;
			break;
		}
		at = end;
	}
	free(buf);
	if (pcap)
		pcap_close(pcap);
	return mark;
}

static int refuse(const char *why, const char *expression, struct pcap_filter_mark *mark,
	struct err *err)
{
	/* "syntax error in filter expression: syntax error" */
	const char *colon = strstr(why, "expression: ");

	*mark = find_mark(expression);
	(void)err_set_field(err, -EINVAL, "filter", "filter: %s",
		colon ? colon + strlen("expression: ") : why);
	err_hint(err, "see pcap-filter(7), for example 'tcp port 179 and host 10.0.0.1'");
	return -EINVAL;
}

static int put_text(const struct bpf_program *program, char *text, struct err *err)
{
	if (program->bf_len > PCAP_FILTER_MAX_INSNS)
		return err_set_field(err, -E2BIG, "filter",
			"filter: it takes %u instructions, and the switch takes %d",
			program->bf_len, PCAP_FILTER_MAX_INSNS);
	for (unsigned i = 0; i < program->bf_len; i++) {
		const struct bpf_insn *insn = &program->bf_insns[i];

		(void)snprintf(text + 16 * i, 17, "%04x%02x%02x%08x", insn->code, insn->jt,
			insn->jf, insn->k);
	}
	return 0;
}

int pcap_filter_compile(const char *expression, char *ret_text, struct pcap_filter_mark *ret_mark,
	struct err *err)
{
	struct bpf_program program;
	pcap_t *pcap;
	int r;

	ret_text[0] = '\0';
	*ret_mark = (struct pcap_filter_mark){0};
	if (!expression[strspn(expression, " \t\n")])
		return 0;
	pcap = open_dead();
	if (!pcap)
		return err_set(err, -ENOMEM, "filter: out of memory");
	if (pcap_compile(pcap, &program, expression, 1, PCAP_NETMASK_UNKNOWN) < 0) {
		r = refuse(pcap_geterr(pcap), expression, ret_mark, err);
	} else {
		r = put_text(&program, ret_text, err);
		pcap_freecode(&program);
	}
	pcap_close(pcap);
	return r;
}

void pcap_filter_print_mark(const char *expression, struct pcap_filter_mark mark)
{
	fprintf(stderr, "  %s\n  %*s^", expression, (int)mark.at, "");
	for (size_t i = 1; i < mark.len; i++)
		fputc('~', stderr);
	fputc('\n', stderr);
}
