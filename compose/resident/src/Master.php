<?php

declare(strict_types=1);

namespace Resident;

/** Opens the socket, forks the workers, replaces those that end, passes signals on. Serves nothing itself. */
final class Master
{
    private const SIGNALS = [SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD];
    private const WAKE_NS = 50_000_000;

    /** @var resource */
    private $listener;

    /** @var array{resource, resource} the master keeps the first open; when it dies, the workers' end reads EOF */
    private array $life;

    private ?TaskChannel $tasks;

    /** @var list<Child> */
    private array $children = [];

    private bool $stopping = false;

    public function __construct(private Settings $settings)
    {
        set_error_handler([self::class, 'raise']);
        $this->listener = $this->listen();
        $this->life = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        $this->tasks = $settings->taskWorkers > 0 ? new TaskChannel() : null;
        for ($i = 0; $i < $settings->workers; $i++) {
            $this->children[] = new Child("worker {$i}", false);
        }
        for ($i = 0; $i < $settings->taskWorkers; $i++) {
            $this->children[] = new Child("task {$i}", true);
        }
    }

    public function run(): int
    {
        $this->allowManyFiles();
        cli_set_process_title('resident: master');
        pcntl_sigprocmask(SIG_BLOCK, self::SIGNALS);
        $this->startMissing();
        $address = stream_socket_get_name($this->listener, false);
        $this->say("http://{$address}, {$this->settings->workers} workers, master pid " . getmypid());
        while (!$this->stopping || $this->living() !== []) {
            $this->handle(@pcntl_sigtimedwait(self::SIGNALS, $info, 0, self::WAKE_NS));
            $this->bury();
            $this->killLate();
            $this->startMissing();
        }

        return 0;
    }

    /** Warnings become exceptions, so nothing goes wrong silently; those silenced by @ leave nothing behind. */
    public static function raise(int $level, string $message, string $file, int $line): bool
    {
        if ((error_reporting() & $level) === 0 || $level === E_DEPRECATED || $level === E_USER_DEPRECATED) {
            return true;
        }

        throw new \ErrorException($message, 0, $level, $file, $line);
    }

    private function handle(int $signal): void
    {
        if ($signal === SIGTERM || $signal === SIGINT) {
            // A second one means now.
            $this->sendAway($this->stopping ? 0 : $this->settings->stopTimeoutSeconds + 1);
            $this->stopping = true;
        } elseif ($signal === SIGHUP || $signal === SIGUSR1) {
            $this->sendAway($this->settings->stopTimeoutSeconds + 1);
        }
    }

    private function sendAway(int $patienceSeconds): void
    {
        foreach ($this->living() as $child) {
            posix_kill($child->pid, SIGTERM);
            $child->killAt = min($child->killAt, microtime(true) + $patienceSeconds);
        }
    }

    private function killLate(): void
    {
        foreach ($this->living() as $child) {
            if (microtime(true) >= $child->killAt) {
                posix_kill($child->pid, SIGKILL);
            }
        }
    }

    private function bury(): void
    {
        // Also orphans from elsewhere in the container, where the master is process 1.
        while (($pid = pcntl_waitpid(-1, $status, WNOHANG)) > 0) {
            foreach ($this->children as $child) {
                if ($child->pid === $pid) {
                    $this->record($child, $status);
                }
            }
        }
    }

    private function record(Child $child, int $status): void
    {
        $cleanly = pcntl_wifexited($status) && pcntl_wexitstatus($status) === 0;
        $asked = $child->killAt < INF;
        $pid = $child->pid;
        $pause = $child->died($cleanly || $asked, microtime(true));
        if (!$cleanly && !$asked) {
            $how = pcntl_wifsignaled($status)
                ? 'signal ' . pcntl_wtermsig($status)
                : 'exit code ' . pcntl_wexitstatus($status);
            $this->say("{$child->title} (pid {$pid}) died: {$how}; the next one starts in {$pause} s");
        }
    }

    private function startMissing(): void
    {
        foreach ($this->children as $child) {
            if ($child->pid === 0 && !$this->stopping && microtime(true) >= $child->startAt) {
                $this->start($child);
            }
        }
    }

    private function start(Child $child): void
    {
        $pid = pcntl_fork();
        if ($pid > 0) {
            $child->born($pid, microtime(true));
        } elseif ($pid === 0) {
            exit($this->become($child));
        }
    }

    /** In the new process. */
    private function become(Child $child): int
    {
        fclose($this->life[0]);
        cli_set_process_title("resident: {$child->title}");
        // A Ctrl-C goes to all processes of the terminal; when to leave is the master's to say.
        foreach ([SIGINT, SIGHUP, SIGUSR1] as $signal) {
            pcntl_signal($signal, SIG_IGN);
        }
        pcntl_async_signals(true);
        try {
            $process = $child->task
                ? new TaskWorker($this->tasks, $this->life[1])
                : new Worker($this->settings, $this->listener, $this->life[1], $this->tasks);
            pcntl_sigprocmask(SIG_SETMASK, []);
            $process->run();
        } catch (\Throwable $error) {
            $this->say("{$child->title} failed: {$error}");

            return 1;
        }

        return 0;
    }

    /** @return list<Child> */
    private function living(): array
    {
        return array_values(array_filter($this->children, static fn (Child $child): bool => $child->pid > 0));
    }

    /** @return resource */
    private function listen()
    {
        $address = "{$this->settings->host}:{$this->settings->port}";
        $context = stream_context_create(['socket' => ['backlog' => 511, 'tcp_nodelay' => true]]);
        $flags = STREAM_SERVER_BIND | STREAM_SERVER_LISTEN;
        $listener = @stream_socket_server("tcp://{$address}", $code, $message, $flags, $context);

        return $listener !== false
            ? $listener
            : throw new BadSetting("cannot listen on {$address}: {$message}; choose another HOST or PORT");
    }

    /** Leaked descriptors should run out late: the soft limit is often 1024. */
    private function allowManyFiles(): void
    {
        $hard = posix_getrlimit()['hard openfiles'] ?? null;
        if (is_int($hard)) {
            posix_setrlimit(POSIX_RLIMIT_NOFILE, $hard, $hard);
        }
    }

    private function say(string $line): void
    {
        fwrite(STDERR, "resident: {$line}\n");
    }
}
