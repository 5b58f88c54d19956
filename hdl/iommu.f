// The RISC-V IOMMU, top module `iommu`. Paths are relative to the folder of this file.

// Packages
rtl/iommu_pkg.sv
rtl/iommu_xlate_pkg.sv
rtl/iommu_axi_pkg.sv
rtl/iommu_reg_pkg.sv

// Building blocks
rtl/iommu_spill.sv
rtl/iommu_grant.sv
rtl/iommu_rr_arb.sv
rtl/iommu_victim.sv

// Translation
rtl/iommu_dc_decode.sv
rtl/iommu_ddt_cache.sv
rtl/iommu_ddt_walk.sv
rtl/iommu_pte_check.sv
rtl/iommu_iotlb.sv
rtl/iommu_ptw.sv
rtl/iommu_translate.sv

// Registers, queues, interrupts
rtl/iommu_queue_regs.sv
rtl/iommu_irq.sv
rtl/iommu_regs.sv
rtl/iommu_cmd_decode.sv
rtl/iommu_cq.sv
rtl/iommu_fq.sv

// Bus ports
rtl/iommu_ptw_read.sv
rtl/iommu_ptw_write.sv
rtl/iommu_dma_read.sv
rtl/iommu_dma_write.sv
rtl/iommu_xlate_arb.sv
rtl/iommu_dma.sv

rtl/iommu.sv
