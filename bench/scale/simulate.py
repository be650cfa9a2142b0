#!/usr/bin/python3
"""A thousand workers on paper: how much of them works, by the length of a share.

    bench/scale/simulate.py [--workers 1000] [--hours 1] [--start 8] [--seed 1]

A stage of WORKERS x HOURS of work is cut into shares of one length. A worker that is free takes the next share. Each share costs the
start of a process (START seconds: measured, see ../results/scale-out.md) and its work, whose time is drawn for the worker (some
machines are slow for good: lognormal) and for the share (lognormal); one in fifty shares lands on a straggler and takes three times as long.
A worker is lost after an exponential time (MTBF hours, e.g. a spot market's); its share is taken up again after a delay, with what it
had saved: all units done but the one in work. Efficiency is work divided by workers x time until the last share ends.
Prints Markdown.
"""
import argparse, heapq, math, random

SCHEDULING = 1.0       # seconds from a free worker to its next share: Slurm's and Kubernetes' order of magnitude
REQUEUE = 30.0         # seconds until a lost worker's share is noticed and waiting again
STRAGGLERS, SLOW = 0.02, 3.0
MACHINE, SHARE = 0.05, 0.10   # standard deviations of the logarithm


def simulate(workers, work, share, unit, start, mtbf, seed):
    """Seconds until the last share ends, and shares that were begun again."""
    draw = random.Random(seed)
    speed = [math.exp(draw.gauss(0, MACHINE)) for _ in range(workers)]
    left = [share] * max(1, round(work / share))
    waiting = list(range(len(left)))[::-1]
    ready = [(0.0, worker) for worker in range(workers)]
    again, end, returned = 0, 0.0, []
    while waiting or returned:
        now, worker = heapq.heappop(ready)
        while returned and returned[0][0] <= now:
            waiting.append(heapq.heappop(returned)[1])
        if not waiting:
            heapq.heappush(ready, (returned[0][0], worker))
            continue
        number = waiting.pop()
        slow = SLOW if draw.random() < STRAGGLERS else 1.0
        pace = speed[worker] * slow * math.exp(draw.gauss(0, SHARE))
        needs = SCHEDULING + start + left[number] * pace
        lost = draw.expovariate(1 / mtbf) if mtbf else math.inf
        if lost < needs:
            done = max(0.0, lost - SCHEDULING - start) / pace
            left[number] -= math.floor(done / unit) * unit
            again += 1
            heapq.heappush(returned, (now + lost + REQUEUE, number))
            heapq.heappush(ready, (now + lost + REQUEUE, worker))
        else:
            end = max(end, now + needs)
            heapq.heappush(ready, (now + needs, worker))
    return end, again


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--start", type=float, default=8.0)
    parser.add_argument("--unit", type=float, default=2.0, help="seconds of a unit within a share: what a lost worker loses")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    work = options.workers * options.hours * 3600
    print(f"{options.workers:,} workers, {options.hours:g} h of work for each, {options.start:g} s to start a process, units of {options.unit:g} s; mean of {options.seeds} draws\n")
    print("| share | shares | no worker is lost | one loss per worker and 24 h | one per 2 h | shares begun again (2 h) |\n|---|---|---|---|---|---|")
    for share in (10, 30, 60, 120, 300, 600, 1200, 1800, 3600):
        row = []
        for mtbf in (0, 24 * 3600, 2 * 3600):
            results = [simulate(options.workers, work, share, options.unit, options.start, mtbf, seed) for seed in range(options.seeds)]
            row.append((sum(work / (options.workers * end) for end, _ in results) / options.seeds, sum(again for _, again in results) / options.seeds))
        print(f"| {share} s | {round(work / share):,} | {' | '.join(f'{100 * e:.0f} %' for e, _ in row)} | {row[2][1]:.0f} |", flush=True)


if __name__ == "__main__":
    main()
