"""Ray: what keeps it from doing tasks."""

from __future__ import annotations

from rowbatch.words.telling import Entry

_AGAIN = (
    "what is done is kept: start Ray again, then the same command goes on",
    "what is done is kept; try it again when Ray runs",
    "已完成的部分都已保留，请在 Ray 恢复后重试",
)
_TOKEN = (
    "set RAY_AUTH_MODE=token on each computer, with the same token in RAY_AUTH_TOKEN or ~/.ray/auth_token (`ray "
    "get-auth-token --generate` makes one), before `ray start`",
    "have the cluster started with a token, and that token known to this program",
    "请用令牌启动该集群，并让本程序获得同一令牌",
)

RAY: dict[str, Entry] = {
    "ray-not-installed": Entry(
        "Ray is not installed here: {told}",
        'pip install "rowbatch[ray]" on each computer; or take --runner pool, which needs no more than rowbatch',
        page="have the extra “ray” installed on each computer",
        zh=("这里没有安装 Ray：{told}", "请在每台计算机上加装附加组件“ray”"),
    ),
    "ray-not-here": Entry(
        "Ray is not used on {system}",
        "take --runner pool",
        page="take the processes of this computer",
        zh=("在 {system} 上不使用 Ray", "请使用本计算机的进程"),
    ),
    "ray-address": Entry(
        "{address!r} is no address of a Ray cluster that tasks can go to",
        "name host:port, as `ray start` prints it, or auto, on a computer of the cluster; ray:// is another "
        "protocol, which is not used here",
        page="name host:port on a computer of the cluster, or auto",
        zh=("{address!r} 不是可用的 Ray 集群地址", "请填写集群中某台计算机的 主机:端口，或 auto"),
    ),
    "ray-address-not-taken": Entry(
        "the runner {name} takes no address of a Ray cluster",
        "leave --ray-address out, or take --runner ray",
        page="leave the address out",
        zh=("执行方式 {name} 不需要 Ray 集群的地址", "请不要填写地址"),
    ),
    "ray-not-found": Entry(
        "no Ray cluster was found at {address}: {told}",
        "is it started (`ray status`), and is this computer one of it? Without --ray-address Ray is started here",
        page="is it started, and is this computer one of it?",
        zh=("在 {address} 没有找到 Ray 集群：{told}", "集群是否已启动？本计算机是否属于该集群？"),
    ),
    "ray-token-missing": Entry(
        "the Ray cluster {address} asks for a token, and none is known here",
        "put it into RAY_AUTH_TOKEN, or its file into RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token",
        page="have its token made known to this program",
        zh=("Ray 集群 {address} 需要令牌，但这里没有", "请让本程序获得该集群的令牌"),
    ),
    "ray-token-refused": Entry(
        "the Ray cluster {address} did not accept the token that is known here",
        "take the one that the cluster was started with: RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token",
        page="have the token of the cluster made known to this program",
        zh=("Ray 集群 {address} 没有接受这里的令牌", "请使用启动该集群时所用的令牌"),
    ),
    "ray-without-token": Entry(
        "no token is known for the Ray cluster {address}, which other computers can reach: whoever does could run "
        "anything on it",
        _TOKEN[0] + "; RAY_AUTH_MODE=disabled says that you know",
        page=_TOKEN[1],
        zh=("其他计算机可以访问 Ray 集群 {address}，但没有令牌：任何人都可能在上面运行任何程序", _TOKEN[2]),
    ),
    "ray-versions-differ": Entry(
        "the Ray cluster has other versions than this computer: {told}",
        "install the same Python and the same ray on each computer",
        zh=("Ray 集群的版本与本计算机不同：{told}", "请在每台计算机上安装同一版本的 Python 和 ray"),
    ),
    "ray-nodes-differ": Entry(
        "computer {node} of the Ray cluster has {name} {there}, and this one has {here}: they could write other bytes",
        "install the same Python and the same rowbatch with all its packages on each computer, as one environment on "
        "a shared disk or one container",
        page="have the same installed on each computer: one environment on a shared disk, or one container",
        zh=(
            "Ray 集群中的计算机 {node} 的 {name} 为 {there}，而本计算机为 {here}：输出可能不同",
            "请在每台计算机上安装相同的 Python、相同的 rowbatch 及其所有组件",
        ),
    ),
    "ray-no-space": Entry(
        "Ray needs 64 MB for its files in {path}, and {free_mb:,} MB are free",
        "make room there, or name another folder in TMPDIR",
        page="make room there",
        zh=("Ray 需要在 {path} 中使用 64 MB，而那里只剩 {free_mb:,} MB", "请在那里腾出空间"),
    ),
    "ray-not-started": Entry(
        "Ray could not be started here: {told}",
        "is there room in the temporary folder, and may programs open ports on 127.0.0.1? --runner pool needs neither",
        page="is there room in the temporary folder?",
        zh=("无法在这里启动 Ray：{told}", "临时文件夹中还有空间吗？"),
    ),
    "ray-lost": Entry(
        "Ray was lost in the middle of the work: {told}",
        _AGAIN[0],
        page=_AGAIN[1],
        zh=("工作进行到一半时失去了 Ray：{told}", _AGAIN[2]),
    ),
    "ray-no-room": Entry(
        "no computer of the Ray cluster has what one task needs: {needs}",
        "let a computer join that has it: `ray start --address=…`, with --num-cpus or --num-gpus where Ray does not "
        "count right",
        page="let a computer join that has it",
        zh=("Ray 集群中没有计算机具备一个任务所需的资源：{needs}", "请让具备这些资源的计算机加入集群"),
    ),
    "ray-memory": Entry(
        "Ray's guard over memory ended task {task} {times:,} times: {told}",
        "the guard looks at all programs of that computer, not at yours alone: ask for a whole computer, use fewer "
        "--workers, or start Ray with RAY_memory_usage_threshold=0.98; what is done is kept",
        page="use fewer workers, or a computer that nobody else uses; what is done is kept",
        zh=(
            "Ray 的内存监视器 {times:,} 次终止了任务 {task}：{told}",
            "请减少进程数，或使用无人共用的计算机；已完成的部分都已保留",
        ),
    ),
    "ray-disk": Entry(
        "task {task}: the disk of Ray's own files is full on a computer of the cluster: {told}",
        "make room there, or start Ray with another --temp-dir; what is done is kept",
        page="make room there; what is done is kept",
        zh=(
            "任务 {task}：集群中一台计算机上 Ray 所用的磁盘已满：{told}",
            "请在那里腾出空间；已完成的部分都已保留",
        ),
    ),
    "ray-task-lost": Entry(
        "the worker or the computer that did task {task} was lost {times:,} times: {told}",
        "does it have enough memory? use fewer --workers, or larger computers; what is done is kept",
        page="does it have enough memory? What is done is kept",
        zh=(
            "执行任务 {task} 的进程或计算机丢失了 {times:,} 次：{told}",
            "内存是否足够？已完成的部分都已保留",
        ),
    ),
    "ray-task-refused": Entry(
        "Ray could not do task {task}: {told}",
        "what is done is kept; the same command tries it again",
        page="what is done is kept, and it can be tried again",
        zh=("Ray 无法执行任务 {task}：{told}", "已完成的部分都已保留，可以重试"),
    ),
}
