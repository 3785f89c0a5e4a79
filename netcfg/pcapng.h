/**
 * pcapng: captured frames in the format of capture files, block by block.
 *
 * Writes sections, interfaces, frames and statistics into memory that the caller has; in the byte
 * order of this machine, as the format allows. Times are nanoseconds since 1970.
 *
 * Threads: any; no state. Limits: PCAPNG_MAX_BLOCK bytes a block; texts are cut to PCAPNG_MAX_TEXT.
 * Source: draft-ietf-opsawg-pcapng, "PCAP Now Generic (pcapng) Capture File Format", 3.1,
 * 4.1 to 4.4 and 4.6.
 */
#ifndef WEFT_NETCFG_PCAPNG_H
#define WEFT_NETCFG_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

#define PCAPNG_MAX_TEXT  1024
#define PCAPNG_MAX_BLOCK (66u * 1024 + 4 * PCAPNG_MAX_TEXT)

struct pcapng_frame {
	uint32_t interface; /* number in the section, from 0 */
	uint64_t time_ns;
	const uint8_t *bytes; /* bytes[n_bytes] */
	uint32_t n_bytes, len;
	uint32_t flags;      /* PCAPNG_INBOUND or PCAPNG_OUTBOUND */
	const char *comment; /* NULL: none */
};
#define PCAPNG_INBOUND  1u
#define PCAPNG_OUTBOUND 2u

/* Each fills dst[PCAPNG_MAX_BLOCK] and returns the length. */
size_t pcapng_section(uint8_t *dst, const char *application);
/** filter: the expression, NULL = none. snaplen: 0 = no limit. */
size_t pcapng_interface(uint8_t *dst, const char *name, const char *description, const char *filter,
	uint32_t snaplen);
size_t pcapng_frame(uint8_t *dst, const struct pcapng_frame *frame);
/** received: frames that passed the filter; lost: of them, those that are not in the file. */
size_t pcapng_statistics(uint8_t *dst, uint32_t interface, uint64_t begin_ns, uint64_t end_ns,
	uint64_t received, uint64_t lost);

#endif
