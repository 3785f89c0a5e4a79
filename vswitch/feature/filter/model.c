#include "model.h"

/* The byte at a place within the frame. */
static uint8_t byte_at(struct filter_frame *frame, uint32_t at)
{
	if (at < frame->head_len)
		return frame->head[at];
	if (!frame->tail)
		frame->tail = frame->gather(frame->ctx);
	return frame->tail[at - frame->head_len];
}

/* What is not in one piece, or is not there. */
static __attribute__((noinline)) bool load_far(struct filter_frame *frame, uint64_t at,
	uint32_t size, uint32_t *ret)
{
	if (at + size > frame->len)
		return false;
	*ret = 0;
	for (uint32_t i = 0; i < size; i++)
		*ret = *ret << 8 | byte_at(frame, (uint32_t)at + i);
	return true;
}

/* size bytes at a place, big-endian. False: there are none. */
static inline bool load(struct filter_frame *frame, uint64_t at, uint32_t size, uint32_t *ret)
{
	const uint8_t *p = frame->head + at;

	if (__builtin_expect(at + size > frame->head_len, 0))
		return load_far(frame, at, size, ret);
	if (size == 1)
		*ret = p[0];
	else if (size == 2)
		*ret = (uint32_t)(p[0] << 8 | p[1]);
	else
		*ret = (uint32_t)p[0] << 24 | (uint32_t)(p[1] << 16 | p[2] << 8 | p[3]);
	return true;
}

/* False: it divides by zero. */
static bool compute(unsigned op, uint32_t *a, uint32_t b)
{
	switch (op) {
	case BPF_ADD:
		*a += b;
		return true;
	case BPF_SUB:
		*a -= b;
		return true;
	case BPF_MUL:
		*a *= b;
		return true;
	case BPF_AND:
		*a &= b;
		return true;
	case BPF_OR:
		*a |= b;
		return true;
	case BPF_XOR:
		*a ^= b;
		return true;
	case BPF_LSH:
		*a = b < 32 ? *a << b : 0;
		return true;
	case BPF_RSH:
		*a = b < 32 ? *a >> b : 0;
		return true;
	case BPF_NEG:
		*a = -*a;
		return true;
	default: /* BPF_DIV, BPF_MOD */
		if (!b)
			return false;
		*a = op == BPF_DIV ? *a / b : *a % b;
		return true;
	}
}

static inline bool compare(unsigned op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	default: /* BPF_JSET */
		return a & b;
	}
}

bool filter_passes(const struct filter *filter, struct filter_frame *frame)
{
	uint32_t a = 0, x = 0, words[BPF_MEMWORDS] = {0};

	for (const struct sock_filter *insn = filter->insns;; insn++) {
		switch (insn->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (!load(frame, insn->k, 4, &a))
				return false;
			break;
		case BPF_LD | BPF_H | BPF_ABS:
			if (!load(frame, insn->k, 2, &a))
				return false;
			break;
		case BPF_LD | BPF_B | BPF_ABS:
			if (!load(frame, insn->k, 1, &a))
				return false;
			break;
		case BPF_LD | BPF_W | BPF_IND:
			if (!load(frame, (uint64_t)x + insn->k, 4, &a))
				return false;
			break;
		case BPF_LD | BPF_H | BPF_IND:
			if (!load(frame, (uint64_t)x + insn->k, 2, &a))
				return false;
			break;
		case BPF_LD | BPF_B | BPF_IND:
			if (!load(frame, (uint64_t)x + insn->k, 1, &a))
				return false;
			break;
		case BPF_LDX | BPF_B | BPF_MSH: /* the length of an IPv4 header */
			if (!load(frame, insn->k, 1, &x))
				return false;
			x = (x & 0xf) << 2;
			break;
		case BPF_LD | BPF_IMM:
			a = insn->k;
			break;
		case BPF_LDX | BPF_IMM:
			x = insn->k;
			break;
		case BPF_LD | BPF_W | BPF_LEN:
			a = frame->len;
			break;
		case BPF_LDX | BPF_W | BPF_LEN:
			x = frame->len;
			break;
		case BPF_LD | BPF_MEM:
			a = words[insn->k];
			break;
		case BPF_LDX | BPF_MEM:
			x = words[insn->k];
			break;
		case BPF_ST:
			words[insn->k] = a;
			break;
		case BPF_STX:
			words[insn->k] = x;
			break;
		case BPF_MISC | BPF_TAX:
			x = a;
			break;
		case BPF_MISC | BPF_TXA:
			a = x;
			break;
		case BPF_RET | BPF_K:
			return insn->k;
		case BPF_RET | BPF_A:
			return a;
		case BPF_JMP | BPF_JA:
			insn += insn->k;
			break;
		default: { /* of the classes BPF_ALU and BPF_JMP */
			uint32_t b = BPF_SRC(insn->code) == BPF_X ? x : insn->k;

			if (BPF_CLASS(insn->code) == BPF_JMP)
				insn += compare(BPF_OP(insn->code), a, b) ? insn->jt : insn->jf;
			else if (!compute(BPF_OP(insn->code), &a, b))
				return false;
		}
		}
	}
}
