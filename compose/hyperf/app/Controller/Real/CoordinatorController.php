<?php

declare(strict_types=1);

namespace App\Controller\Real;

use App\Annotation\Leak;
use Hyperf\Coordinator\CoordinatorManager;
use Hyperf\HttpServer\Annotation\Controller;
use Hyperf\HttpServer\Annotation\GetMapping;

#[Controller(prefix: '/real/coordinator')]
#[Leak('static', 'CoordinatorManager keeps a coordinator for every identifier until it is cleared')]
final class CoordinatorController
{
    #[GetMapping(path: '')]
    public function leaky(): string
    {
        CoordinatorManager::until(uniqid('job-'))->resume();

        return "ok\n";
    }

    #[GetMapping(path: 'clean')]
    public function clean(): string
    {
        $job = uniqid('job-');
        CoordinatorManager::until($job)->resume();
        CoordinatorManager::clear($job);

        return "ok\n";
    }
}
