<?php

declare(strict_types=1);

namespace Resident;

/**
 * The connections of one worker, in numbered slots, and the streams to select on.
 *
 * Two things are done so that load leaves no trace:
 * - the arrays have room for all slots from the start, so they never grow;
 * - each free slot holds a descriptor of /dev/null in reserve. select() cannot watch descriptors from 1024 on, and a
 *   case that leaks descriptors would soon use up the low ones: so connections always get one of these.
 */
final class Connections
{
    /** Slots of the two streams that are no connections. */
    public const LIFE = 0;
    public const LISTENER = 1;
    private const FIRST = 2;

    /** @var array<int, resource> by slot: what to select on */
    public array $reading;

    /** @var array<int, resource> */
    public array $writing;

    /** @var array<int, Connection> */
    private array $open;

    /** @var list<int> */
    private array $free;

    /** @var list<resource> */
    private array $reserve = [];

    public function __construct(int $limit)
    {
        $this->open = self::room(self::FIRST + $limit);
        $this->reading = self::room(self::FIRST + $limit);
        $this->writing = self::room(self::FIRST + $limit);
        $this->free = range(self::FIRST + $limit - 1, self::FIRST);
        for ($i = 0; $i < $limit; $i++) {
            $this->reserve[] = fopen('/dev/null', 'r');
        }
    }

    public function count(): int
    {
        return count($this->open);
    }

    public function full(): bool
    {
        return $this->free === [];
    }

    /** @return array<int, Connection> */
    public function all(): array
    {
        return $this->open;
    }

    public function at(int $slot): ?Connection
    {
        return $this->open[$slot] ?? null;
    }

    /** Select for what this connection can do next: it is not read while it is served or has something to send. */
    public function watch(Connection $connection): void
    {
        if ($connection->out !== '') {
            $this->writing[$connection->slot] = $connection->stream;
        } else {
            unset($this->writing[$connection->slot]);
        }
        if ($connection->out === '' && !$connection->busy) {
            $this->reading[$connection->slot] = $connection->stream;
        } else {
            unset($this->reading[$connection->slot]);
        }
    }

    /**
     * Null: another worker was quicker.
     *
     * @param resource $listener
     */
    public function accept($listener, int $nowMs): ?Connection
    {
        fclose(array_pop($this->reserve));
        $stream = @stream_socket_accept($listener, 0);
        if ($stream === false) {
            $this->reserve[] = fopen('/dev/null', 'r');

            return null;
        }
        stream_set_blocking($stream, false);
        // Without a buffer of PHP's own, which would stay with the connection from its first request on.
        stream_set_read_buffer($stream, 0);
        $slot = array_pop($this->free);
        $this->open[$slot] = new Connection($stream, $slot, $nowMs);
        $this->watch($this->open[$slot]);

        return $this->open[$slot];
    }

    public function close(Connection $connection): void
    {
        $slot = $connection->slot;
        if (($this->open[$slot] ?? null) !== $connection) {
            return;
        }
        unset($this->open[$slot], $this->reading[$slot], $this->writing[$slot]);
        fclose($connection->stream);
        $this->free[] = $slot;
        $this->reserve[] = fopen('/dev/null', 'r');
    }

    /** @return array<int, mixed> empty, with room for so many */
    private static function room(int $slots): array
    {
        $room = [];
        // From the last one down: what is filled in order starts as a packed array, and changes its form later.
        for ($i = $slots - 1; $i >= 0; $i--) {
            $room[$i] = null;
        }
        for ($i = 0; $i < $slots; $i++) {
            unset($room[$i]);
        }

        return $room;
    }
}
