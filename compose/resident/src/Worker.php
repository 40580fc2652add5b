<?php

declare(strict_types=1);

namespace Resident;

use Leaks\Catalogue;
use Leaks\Request;
use Leaks\Response;
use Leaks\Router;

/** One process that serves: an event loop over its connections and timers. */
final class Worker
{
    private const PATIENCE_US = 500_000;
    private const KEEP_ALIVE_MS = 75_000;
    private const LINGER_MS = 1_000;
    /** When leaving: how long an idle connection may still send a request, which is answered with `close`. */
    private const LAST_CALL_MS = 100;
    private const SWEEP_MS = 1_000;
    private const LEAVING_SWEEP_MS = 10;
    /** Answers to pipelined requests are collected up to this size before they are sent. */
    private const BATCH = 256 * 1024;

    private Connections $connections;
    private Doorman $doorman;
    private Timers $timers;
    private LoopRuntime $runtime;
    private Application $application;
    private Parser $parser;
    private Answer $answer;

    private int $requestsLeft;
    private bool $stopping = false;
    private bool $orphaned = false;
    private int $leaveByMs = 0;
    private int $sweepAtMs = 0;

    /**
     * @param resource $listener
     * @param resource $life     ends when the master does
     */
    public function __construct(private Settings $settings, $listener, $life, ?TaskChannel $tasks)
    {
        $this->connections = new Connections($settings->maxConnections);
        $this->connections->reading[Connections::LIFE] = $life;
        $this->doorman = new Doorman($listener, $this->connections);
        $this->timers = new Timers();
        $this->runtime = new LoopRuntime($this->timers, $tasks);
        $this->application = new Application(new Router(new Catalogue($this->runtime)), $settings->debugHeap);
        $this->parser = new Parser();
        $this->answer = new Answer();
        // Not all workers at the same moment.
        $jitter = random_int(0, $settings->maxRequest >> 1);
        $this->requestsLeft = $settings->maxRequest > 0 ? $settings->maxRequest + $jitter : PHP_INT_MAX;
    }

    public function run(): void
    {
        pcntl_signal(SIGTERM, function (): void {
            $this->stopping = true;
        });
        while (!$this->orphaned && !$this->left()) {
            $this->turn();
        }
    }

    private function turn(): void
    {
        $read = $this->connections->reading;
        $write = $this->connections->writing;
        $except = null;
        $us = $this->patienceUs();
        // False where a signal came.
        if (@stream_select($read, $write, $except, intdiv($us, 1_000_000), $us % 1_000_000) !== false) {
            foreach ($write as $slot => $stream) {
                $this->proceed($this->connections->at($slot));
            }
            foreach ($read as $slot => $stream) {
                $this->readable($slot);
            }
        }
        $this->doorman->turn();
        $this->timers->run();
        $this->sweep();
        if ($this->stopping) {
            $this->leave();
        }
    }

    private function patienceUs(): int
    {
        $timersMs = min($this->timers->untilNextMs(), $this->leaveByMs > 0 ? self::LEAVING_SWEEP_MS : 1000);

        return min(self::PATIENCE_US, $timersMs * 1000, $this->doorman->untilNextUs());
    }

    private function readable(int $slot): void
    {
        if ($slot === Connections::LIFE) {
            $this->orphaned = true;
        } elseif ($slot === Connections::LISTENER) {
            $this->doorman->ready();
        } else {
            $connection = $this->connections->at($slot);
            if ($connection !== null) {
                $this->receive($connection);
            }
        }
    }

    private function receive(Connection $connection): void
    {
        $data = @fread($connection->stream, $connection->needs > 8192 ? 65536 : 8192);
        if ($data === false || $data === '') {
            if ($data === false || feof($connection->stream)) {
                $this->connections->close($connection);
            }

            return;
        }
        if (!$connection->discards) {
            $connection->activeMs = Timers::nowMs();
            $connection->in .= $data;
            $this->proceed($connection);
        }
    }

    /** Serves what is in the buffer as far as it goes, and sends. */
    private function proceed(?Connection $connection): void
    {
        if ($connection === null) {
            return;
        }
        do {
            $more = $this->serveBatch($connection);
            if (!$connection->flush()) {
                $this->connections->close($connection);

                return;
            }
        } while ($more && $connection->out === '');
        if ($connection->closing && $connection->out === '') {
            $this->hangUp($connection);
        } else {
            $this->connections->watch($connection);
        }
    }

    /** True if it stopped because enough has piled up to be sent, false if there is nothing to serve now. */
    private function serveBatch(Connection $connection): bool
    {
        while (strlen($connection->out) < self::BATCH) {
            if ($connection->busy || $connection->closing || $connection->in === '') {
                return false;
            }
            try {
                $message = $this->parser->next($connection);
            } catch (HttpError $error) {
                $this->refuse($connection, $error);

                return false;
            }
            if ($message === null) {
                $this->sayContinue($connection);

                return false;
            }
            $this->serve($connection, $message);
        }

        return true;
    }

    private function serve(Connection $connection, Message $message): void
    {
        if (--$this->requestsLeft <= 0) {
            $this->leave();
        }
        $request = $this->application->request($message);
        if (!$this->application->waits($request->path)) {
            $this->reply($connection, $message, $this->application->respond($request));

            return;
        }
        $connection->busy = true;
        $this->runtime->go(function () use ($connection, $message, $request): void {
            $this->finish($connection, $message, $request);
        });
    }

    /** In a coroutine: the client may be gone when the response is there. */
    private function finish(Connection $connection, Message $message, Request $request): void
    {
        $response = $this->application->respond($request);
        $connection->busy = false;
        if ($this->connections->at($connection->slot) === $connection) {
            $this->reply($connection, $message, $response);
            $this->proceed($connection);
        }
    }

    private function reply(Connection $connection, Message $message, Response $response): void
    {
        $keepAlive = $message->keepAlive && $this->leaveByMs === 0;
        $connection->out .= $this->answer->bytes($response, $keepAlive, $message->method !== 'HEAD');
        $connection->closing = !$keepAlive;
        $connection->activeMs = Timers::nowMs();
    }

    private function refuse(Connection $connection, HttpError $error): void
    {
        $response = Response::json(['error' => $error->getMessage()], $error->status);
        $connection->out .= $this->answer->bytes($response, false, true);
        $connection->in = '';
        $connection->closing = true;
        $connection->discards = true;
    }

    private function sayContinue(Connection $connection): void
    {
        if ($connection->expectsContinue) {
            $connection->expectsContinue = false;
            $connection->out .= "HTTP/1.1 100 Continue\r\n\r\n";
        }
    }

    private function hangUp(Connection $connection): void
    {
        if (!$connection->discards) {
            $this->connections->close($connection);

            return;
        }
        stream_socket_shutdown($connection->stream, STREAM_SHUT_WR);
        $this->connections->watch($connection);
    }

    /** No new connections, no more keep-alive; ends when all are served, or at the deadline. */
    private function leave(): void
    {
        if ($this->leaveByMs === 0) {
            $this->leaveByMs = Timers::nowMs() + $this->settings->stopTimeoutSeconds * 1000;
            $this->sweepAtMs = 0;
            $this->doorman->leave();
        }
    }

    private function left(): bool
    {
        return $this->leaveByMs > 0 && ($this->connections->count() === 0 || Timers::nowMs() >= $this->leaveByMs);
    }

    /** Closes the connections on which nothing happens any more. */
    private function sweep(): void
    {
        $now = Timers::nowMs();
        if ($now < $this->sweepAtMs) {
            return;
        }
        $leaving = $this->leaveByMs > 0;
        $this->sweepAtMs = $now + ($leaving ? self::LEAVING_SWEEP_MS : self::SWEEP_MS);
        foreach ($this->connections->all() as $connection) {
            $idleMs = $now - $connection->activeMs;
            $limitMs = $leaving && $connection->idle() ? self::LAST_CALL_MS : self::KEEP_ALIVE_MS;
            if ($idleMs > ($connection->discards ? self::LINGER_MS : $limitMs) && !$connection->busy) {
                $this->connections->close($connection);
            }
        }
    }
}
