/**
 * distance: how far two cores are from each other.
 *
 * Hypervisors move virtual cores: at times two of them share a cache, at times not, and that alone
 * changes the rate of every switch by a factor of up to three. So every measurement says which it
 * was: two threads bounce a cache line, and the median round trip is the distance.
 */
#ifndef WEFT_TOOLS_TESTER_DISTANCE_H
#define WEFT_TOOLS_TESTER_DISTANCE_H

/** Round trips below this go through a shared cache. */
#define DISTANCE_SAME_CACHE_NS 200

/**
 * Median round trip in ns between this thread, which is pinned, and core cpu; some
 * milliseconds, for the other thread shares cpu with what runs there.
 * returns  ns, or -errno; -ETIMEDOUT where it did not get its share in half a second
 */
int distance_measure(int cpu, double tsc_per_ns);

#endif
