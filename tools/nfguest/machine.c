#include "machine.h"

#define RAM_TYPE       1u
#define FIRST_MIB      0x100000u
#define PAGE           4096u
#define PM_STATUS      0x600
#define PM_CONTROL     0x604
#define PM_TIMER       0x608
#define POWER_BUTTON   (1u << 8)
#define PM_EXIT_STATUS 0x60c
#define PM_TIMER_HZ    3579545u
#define PM_OFF         (5u << 10 | 1u << 13) /* SLP_TYP of \_S5, SLP_EN */
#define MEASURE_TICKS  (PM_TIMER_HZ / 500)

struct memmap_entry {
	uint64_t start, size;
	uint32_t type, reserved;
};

extern char image_end[];
static uint64_t memory_at, memory_end, hz;

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n)::"memory");
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

void memory_init(const struct start_info *info)
{
	const struct memmap_entry *map = (const void *)(uintptr_t)info->memmap;

	memory_at = (uintptr_t)image_end;
	for (uint32_t i = 0; i < info->n_memmap; i++)
		if (map[i].type == RAM_TYPE && map[i].start <= FIRST_MIB &&
			map[i].start + map[i].size > memory_at)
			memory_end = map[i].start + map[i].size;
}

void *memory_take(size_t size)
{
	uint64_t at = (memory_at + PAGE - 1) & ~(uint64_t)(PAGE - 1);

	/* RAM is zero at start: nothing else has run. */
	if (at > memory_end || size > memory_end - at)
		return NULL;
	memory_at = at + size;
	return (void *)(uintptr_t)at;
}

void tsc_set_hz(uint64_t value)
{
	hz = value;
}

uint64_t tsc_hz(void)
{
	if (hz)
		return hz;
	uint32_t begin = in32(PM_TIMER), now;
	uint64_t tsc = tsc_now(), end;

	do {
		now = in32(PM_TIMER);
		end = tsc_now();
	} while (now - begin < MEASURE_TICKS);
	hz = (end - tsc) * PM_TIMER_HZ / (now - begin);
	return hz;
}

bool machine_is_asked_off(void)
{
	uint32_t status = in32(PM_STATUS);

	return status != UINT32_MAX && status & POWER_BUTTON; /* all ones: nothing is there */
}

_Noreturn void machine_off(uint8_t code)
{
	out8(PM_EXIT_STATUS, code);
	out16(PM_CONTROL, PM_OFF);
	for (;;)
		__asm__ volatile("pause");
}
