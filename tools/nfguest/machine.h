/**
 * machine: ports, memory-mapped registers, the time stamp counter, memory, and the end.
 *
 * The guest runs at CPL 3 with IOPL 3, so that ports need no kernel; addresses are physical.
 */
#ifndef WEFT_TOOLS_NFGUEST_MACHINE_H
#define WEFT_TOOLS_NFGUEST_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}

static inline void out16(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" ::"a"(v), "Nd"(port));
}

static inline void out32(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" ::"a"(v), "Nd"(port));
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint64_t tsc_now(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/** What a PVH loader hands over, as far as it is used here. */
struct start_info {
	uint32_t magic, version, flags, n_modules;
	uint64_t modules, cmdline, rsdp, memmap;
	uint32_t n_memmap, reserved;
};

/** Memory that is there from start on: the rest of the first region of RAM above 1 MiB. */
void memory_init(const struct start_info *info);
/** Zeroed, aligned to a page; never given back. NULL: no more. */
void *memory_take(size_t size);
/** Ticks of the counter in a second, measured once against the ACPI timer (2 ms). */
uint64_t tsc_hz(void);
void tsc_set_hz(uint64_t hz);
/** Was the power button pressed? Costs an exit to the VMM. */
bool machine_is_asked_off(void);
/** Power off; vmm --exit-status ends with the code. */
_Noreturn void machine_off(uint8_t code);

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
