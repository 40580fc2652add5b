<?php

declare(strict_types=1);

namespace App\Process;

use Hyperf\Coroutine\Coroutine;
use Hyperf\Process\AbstractProcess;
use Hyperf\Process\Annotation\Process;
use Hyperf\Process\ProcessManager;

/** Lives beside the workers; what they write to it arrives as the event `PipeMessage`. */
#[Process(name: self::NAME)]
final class CollectorProcess extends AbstractProcess
{
    public const NAME = 'collector';

    public function handle(): void
    {
        while (ProcessManager::isRunning()) {
            Coroutine::sleep(1);
        }
    }
}
