/* Filters against libpcap's own interpreter. */
#include "filter/filter.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_TEXT (FILTER_MAX_INSNS * FILTER_INSN_TEXT + FILTER_INSN_TEXT + 1)

static char text[MAX_TEXT];

static void make_text(const struct bpf_insn *insns, unsigned n)
{
	text[0] = '\0';
	for (unsigned i = 0; i < n; i++)
		(void)snprintf(text + i * FILTER_INSN_TEXT, FILTER_INSN_TEXT + 1,
			"%04x%02x%02x%08x", insns[i].code, insns[i].jt, insns[i].jf, insns[i].k);
}

static uint32_t state = 1;

static uint32_t next(void)
{
	state = state * 1664525 + 1013904223;
	return state >> 8;
}

/* A frame that filters may find something in. */
static uint32_t make_frame(uint8_t *frame)
{
	static const uint16_t types[] = {0x0800, 0x86dd, 0x8100, 0x0806, 0x88b5};
	uint16_t type = types[next() % 5];
	uint32_t at = 12;

	for (uint32_t i = 0; i < 256; i++)
		frame[i] = (uint8_t)next();
	if (type == 0x8100) {
		frame[at++] = 0x81;
		frame[at++] = 0;
		frame[at++] = 0;
		frame[at++] = (uint8_t)(next() % 2 ? 100 : next());
		type = types[next() % 2];
	}
	frame[at++] = (uint8_t)(type >> 8);
	frame[at++] = (uint8_t)type;
	if (type == 0x0800) {
		frame[at] = (uint8_t)(next() % 4 ? 0x45 : next());
		frame[at + 6] = frame[at + 7] = 0;
		frame[at + 9] = next() % 2 ? 6 : 17;
		memcpy(frame + at + 12, next() % 2 ? "\x0a\0\0\1" : "\x0a\0\0\2", 4);
		at += 20;
	} else {
		frame[at + 6] = next() % 2 ? 6 : 17;
		memset(frame + at + 8, 0, 32);
		frame[at + 23] = (uint8_t)(next() % 3);
		at += 40;
	}
	frame[at] = 0;
	frame[at + 1] = next() % 2 ? 179 : 53;
	return 14 + next() % 200;
}

static uint8_t *tail;
static uint32_t tail_len;

/* In a block of its own, so that a look beyond it is seen. */
static const uint8_t *gather(void *ctx)
{
	free(tail);
	tail = malloc(tail_len ? tail_len : 1);
	assert_non_null(tail);
	memcpy(tail, ctx, tail_len);
	return tail;
}

/* The frame in two pieces, as a capture has it. */
static bool our_answer(const struct filter *filter, uint8_t *bytes, uint32_t len)
{
	uint32_t head_len = len < 128 ? len : 128;
	struct filter_frame frame = {.head = bytes,
		.head_len = head_len,
		.len = len,
		.gather = gather,
		.ctx = bytes + head_len};

	tail_len = len - head_len;
	return filter_passes(filter, &frame);
}

static void check_against_pcap(const struct bpf_program *program)
{
	struct filter *filter;
	struct err err = {0};
	uint8_t frame[300];

	make_text(program->bf_insns, program->bf_len);
	assert_int_equal(filter_create(text, &filter, &err), 0);
	for (unsigned i = 0; i < 3000; i++) {
		uint32_t len = make_frame(frame);
		bool wanted = bpf_filter(program->bf_insns, frame, len, len) != 0;

		assert_int_equal(our_answer(filter, frame, len), wanted);
	}
	free(filter);
}

static const char *const expressions[] = {"tcp port 179", "udp port 53", "arp", "ip6", "vlan",
	"vlan 100 and tcp", "ip host 10.0.0.1", "not ip", "ether[100] = 7", "ether[150:2] > 32768",
	"ether[0] & 1 != 0", "less 100", "greater 128", "len > 60 and ip", "tcp[13] & 2 != 0",
	"ip[2:2] > 576 or ip[8] < 10", "host ::1 or host ::2 or host 10.0.0.2",
	"ip6[6] = 6 and tcp src port 53", "(ip[0] & 0xf) * 4 = 20", "ether[12] / ether[13] = 1",
	"ether[14] << (ether[15] & 63) = 0", "ether[20] % ether[21] = 3", "-ether[3] = 0xffffff00",
	"ether[4] >> ether[5] = 0", "ether[ether[14] & 0x7f] = 1", "ether[6:4] >= 0x80000000",
	"ether[6:4] & 0x80000000 != 0", "ether[8] ^ ether[9] = 0", "ether[7] - ether[8] > 5",
	"portrange 100-200 and ip", "icmp or icmp6", "net 10.0.0.0/24", "broadcast or multicast"};

static void filters_answer_as_libpcap_does(void **unused)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 262144);

	for (unsigned i = 0; i < 2 * sizeof(expressions) / sizeof(expressions[0]); i++) {
		struct bpf_program program;

		if (pcap_compile(pcap, &program, expressions[i / 2], (int)(i % 2), 0xffffff00)) {
			print_error("%s: %s\n", expressions[i / 2], pcap_geterr(pcap));
			fail();
		}
		check_against_pcap(&program);
		pcap_freecode(&program);
	}
	pcap_close(pcap);
}

static int create(const struct bpf_insn *insns, unsigned n, struct err *err)
{
	struct filter *filter;
	int r;

	make_text(insns, n);
	*err = (struct err){0};
	r = filter_create(text, &filter, err);
	if (r == 0)
		free(filter);
	return r;
}

static void programs_that_might_do_harm_are_refused(void **unused)
{
	static const struct bpf_insn bad[][2] = {
		{{BPF_LD | BPF_B | BPF_ABS, 0, 0, 0xfffff000}, {BPF_RET | BPF_K, 0, 0, 1}},
		{{BPF_LD | BPF_MEM, 0, 0, 16}, {BPF_RET | BPF_K, 0, 0, 1}},
		{{BPF_ST, 0, 0, 16}, {BPF_RET | BPF_K, 0, 0, 1}},
		{{BPF_JMP | BPF_JA, 0, 0, 1}, {BPF_RET | BPF_K, 0, 0, 1}},
		{{BPF_JMP | BPF_JA, 0, 0, 0xffffffff}, {BPF_RET | BPF_K, 0, 0, 1}},
		{{BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0}, {BPF_RET | BPF_K, 0, 0, 1}},
		{{BPF_JMP | BPF_JEQ | BPF_K, 0, 255, 0}, {BPF_RET | BPF_K, 0, 0, 1}},
		{{BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0}, {BPF_RET | BPF_K, 0, 0, 1}},
		{{BPF_ALU | BPF_LSH | BPF_K, 0, 0, 32}, {BPF_RET | BPF_K, 0, 0, 1}},
		{{0xffff, 0, 0, 0}, {BPF_RET | BPF_K, 0, 0, 1}},
		{{BPF_RET | BPF_K, 0, 0, 1}, {BPF_LD | BPF_IMM, 0, 0, 1}},
	};
	struct err err;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(create(bad[i], 2, &err), -EINVAL);
		assert_string_not_equal(err.msg, "");
	}
}

static void texts_that_are_no_program_are_refused(void **unused)
{
	static const char *const bad[] = {"", "0", "000600000000000", "00060000000000zz",
		"0006000000000001 ", "0006000000000001000600"};
	struct filter *filter;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(filter_create(bad[i], &filter, NULL), -EINVAL);
	for (unsigned i = 0; i <= FILTER_MAX_INSNS; i++)
		memcpy(text + i * FILTER_INSN_TEXT, "0006000000000001", FILTER_INSN_TEXT + 1);
	assert_int_equal(filter_create(text, &filter, NULL), -EINVAL);
}

/* Any program at all: refused or run, without harm, and as libpcap runs it. */
static void random_programs_do_no_harm(void **unused)
{
	static const uint16_t codes[] = {BPF_LD | BPF_W | BPF_ABS, BPF_LD | BPF_H | BPF_IND,
		BPF_LD | BPF_B | BPF_ABS, BPF_LDX | BPF_B | BPF_MSH, BPF_LD | BPF_IMM,
		BPF_LDX | BPF_IMM, BPF_LD | BPF_MEM, BPF_ST, BPF_STX, BPF_LDX | BPF_MEM,
		BPF_MISC | BPF_TAX, BPF_MISC | BPF_TXA, BPF_ALU | BPF_DIV | BPF_X,
		BPF_ALU | BPF_ADD | BPF_X, BPF_ALU | BPF_LSH | BPF_X, BPF_ALU | BPF_NEG,
		BPF_ALU | BPF_MUL | BPF_K, BPF_JMP | BPF_JEQ | BPF_X, BPF_JMP | BPF_JGT | BPF_K,
		BPF_JMP | BPF_JSET | BPF_K, BPF_JMP | BPF_JA, BPF_LD | BPF_W | BPF_LEN};
	unsigned n_run = 0;
	uint8_t frame[300];

	for (unsigned round = 0; round < 3000; round++) {
		unsigned n = BPF_MEMWORDS + 2 + next() % 12;
		struct filter *filter;
		struct bpf_insn insns[BPF_MEMWORDS + 16];

		/* libpcap leaves words as they are. */
		for (unsigned i = 0; i < BPF_MEMWORDS; i++)
			insns[i] = (struct bpf_insn){BPF_ST, 0, 0, i};
		for (unsigned i = BPF_MEMWORDS; i + 1 < n; i++)
			insns[i] = (struct bpf_insn){codes[next() % 22], (u_char)(next() % 3),
				(u_char)(next() % 3), next() % 5 ? next() % 40 : next()};
		insns[n - 1] = (struct bpf_insn){BPF_RET | BPF_A, 0, 0, 0};
		make_text(insns, n);
		if (filter_create(text, &filter, NULL) < 0)
			continue;
		n_run++;
		for (unsigned i = 0; i < 20; i++) {
			uint32_t len = make_frame(frame);

			assert_int_equal(our_answer(filter, frame, len),
				bpf_filter(insns, frame, len, len) != 0);
		}
		free(filter);
	}
	assert_true(n_run > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_answer_as_libpcap_does),
		cmocka_unit_test(programs_that_might_do_harm_are_refused),
		cmocka_unit_test(texts_that_are_no_program_are_refused),
		cmocka_unit_test(random_programs_do_no_harm),
	};

	return cmocka_run_group_tests_name("capture filter", tests, NULL, NULL);
}
