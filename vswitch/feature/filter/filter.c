#include "filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Reading --------------------------------------------------------------------------------- */

static bool read_hex(const char **text, unsigned n_digits, uint32_t *ret)
{
	*ret = 0;
	for (; n_digits; n_digits--, (*text)++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit = **text ? strchr(digits, **text) : NULL;

		if (!digit)
			return false;
		*ret = *ret << 4 | (uint32_t)(digit - digits);
	}
	return true;
}

static bool read_insn(const char *text, struct sock_filter *ret)
{
	uint32_t code, jt, jf, k;

	if (!read_hex(&text, 4, &code) || !read_hex(&text, 2, &jt) || !read_hex(&text, 2, &jf) ||
		!read_hex(&text, 8, &k))
		return false;
	*ret = (struct sock_filter){(uint16_t)code, (uint8_t)jt, (uint8_t)jf, k};
	return true;
}

static int read_insns(const char *text, struct filter *f, struct err *err)
{
	size_t len = strlen(text);

	if (!len || len % FILTER_INSN_TEXT || len / FILTER_INSN_TEXT > FILTER_MAX_INSNS)
		return err_set(err, -EINVAL, "filter: not 1..%d instructions of %d characters",
			FILTER_MAX_INSNS, FILTER_INSN_TEXT);
	for (; text[0]; text += FILTER_INSN_TEXT) {
		if (!read_insn(text, &f->insns[f->n++]))
			return err_set(err, -EINVAL, "filter: instruction %u is not hexadecimal",
				f->n - 1);
	}
	return 0;
}

/* ---- Checking -------------------------------------------------------------------------------- */

static bool is_alu_ok(const struct sock_filter *insn)
{
	bool by_x = BPF_SRC(insn->code) == BPF_X;

	switch (BPF_OP(insn->code)) {
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
		return true;
	case BPF_DIV:
	case BPF_MOD:
		return by_x || insn->k;
	case BPF_LSH:
	case BPF_RSH:
		return by_x || insn->k < 32;
	case BPF_NEG:
		return !by_x;
	default:
		return false;
	}
}

static bool is_jump_ok(const struct sock_filter *insn, unsigned n_behind)
{
	switch (BPF_OP(insn->code)) {
	case BPF_JA:
		return BPF_SRC(insn->code) == BPF_K && insn->k < n_behind;
	case BPF_JEQ:
	case BPF_JGT:
	case BPF_JGE:
	case BPF_JSET:
		return insn->jt < n_behind && insn->jf < n_behind;
	default:
		return false;
	}
}

/* n_behind: instructions that follow. */
static bool is_insn_ok(const struct sock_filter *insn, unsigned n_behind)
{
	switch (insn->code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
	case BPF_LD | BPF_W | BPF_IND:
	case BPF_LD | BPF_H | BPF_IND:
	case BPF_LD | BPF_B | BPF_IND:
	case BPF_LDX | BPF_B | BPF_MSH:
		return insn->k <= INT32_MAX; /* beyond are the kernel's own */
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_MISC | BPF_TAX:
	case BPF_MISC | BPF_TXA:
	case BPF_RET | BPF_K:
	case BPF_RET | BPF_A:
		return true;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return insn->k < BPF_MEMWORDS;
	default:
		break;
	}
	if (insn->code & ~0xff)
		return false;
	if (BPF_CLASS(insn->code) == BPF_ALU)
		return is_alu_ok(insn);
	return BPF_CLASS(insn->code) == BPF_JMP && is_jump_ok(insn, n_behind);
}

static int check(const struct filter *f, struct err *err)
{
	for (unsigned i = 0; i < f->n; i++) {
		if (!is_insn_ok(&f->insns[i], f->n - i - 1))
			return err_set(err, -EINVAL, "filter: instruction %u (code 0x%x) is wrong",
				i, f->insns[i].code);
	}
	if (BPF_CLASS(f->insns[f->n - 1].code) != BPF_RET)
		return err_set(err, -EINVAL, "filter: it does not end");
	return 0;
}

/* ---------------------------------------------------------------------------------------------- */

int filter_create(const char *text, struct filter **ret, struct err *err)
{
	struct filter *filter = calloc(1, sizeof(*filter));
	int r;

	if (!filter)
		return err_set(err, -ENOMEM, "filter: out of memory");
	r = read_insns(text, filter, err);
	if (r == 0)
		r = check(filter, err);
	if (r < 0) {
		free(filter);
		return r;
	}
	*ret = filter;
	return 0;
}
