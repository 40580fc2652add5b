<?php

declare(strict_types=1);

namespace App\Controller\Real;

use App\Annotation\Leak;
use Hyperf\HttpServer\Annotation\Controller;
use Hyperf\HttpServer\Annotation\GetMapping;
use Hyperf\Retry\Policy\BudgetRetryPolicy;
use Hyperf\Retry\Retry;
use Hyperf\Retry\RetryBudget;
use RuntimeException;

#[Controller(prefix: '/real/retry')]
#[Leak('timer', 'RetryBudget starts a timer that holds the budget, so that neither ever ends')]
final class RetryController
{
    private ?RetryBudget $budget = null;

    #[GetMapping(path: '')]
    public function leaky(): string
    {
        return $this->answerAtSecondTry($this->newBudget());
    }

    #[GetMapping(path: 'clean')]
    public function clean(): string
    {
        return $this->answerAtSecondTry($this->budget ??= $this->newBudget());
    }

    private function newBudget(): RetryBudget
    {
        return new RetryBudget(ttl: 1, minRetriesPerSec: 1, percentCanRetry: 1);
    }

    private function answerAtSecondTry(RetryBudget $budget): string
    {
        $tries = 0;

        return Retry::with(new BudgetRetryPolicy($budget))->call(static function () use (&$tries): string {
            return ++$tries > 1 ? "ok\n" : throw new RuntimeException('not yet');
        });
    }
}
