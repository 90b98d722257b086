# OpenROAD-flow-scripts: corners that nobody has characterized. In a design's config.mk:
#
#   export CORNERS = tt ss_100C_1v60
#   export TT_LIB_FILES = $(PLATFORM_DIR)/lib/cells__tt_025C_1v80.lib
#   export EDA_PLUGIN_CORNERS = ss_100C_1v60
#   export EDA_PLUGIN_ANCHORS = $(wildcard $(PLATFORM_DIR)/lib/*.lib)
#   include $(shell eda-plugin host-files orfs)/eda_plugin.mk
#
# Each corner of EDA_PLUGIN_CORNERS is filled into EDA_PLUGIN_DIR, and <CORNER>_LIB_FILES, in capitals as the flow wants it, names that file
# unless the design sets it. LIB_FILES are prerequisites of the flow's steps, so a filled corner that stands there is made when it is needed;
# <CORNER>_LIB_FILES are none: `make eda_plugin_corners` comes first, or pre_step.tcl as PRE_SYNTH_TCL or PRE_FLOORPLAN_TCL makes what lacks.

export EDA_PLUGIN ?= eda-plugin
export EDA_PLUGIN_DIR ?= $(or $(OBJECTS_DIR),objects)/eda_plugin
export EDA_PLUGIN_OPTIONS ?=

eda_plugin_upper = $(shell printf '%s' '$(1)' | tr 'a-z' 'A-Z')

define eda_plugin_corner
ifeq ($$(origin $(call eda_plugin_upper,$(1))_LIB_FILES),undefined)
export $(call eda_plugin_upper,$(1))_LIB_FILES := $$(EDA_PLUGIN_DIR)/$(1).lib
endif
endef
$(foreach corner,$(EDA_PLUGIN_CORNERS),$(eval $(call eda_plugin_corner,$(corner))))

eda_plugin_files := $(EDA_PLUGIN_CORNERS:%=$(EDA_PLUGIN_DIR)/%.lib)

# A target that is defined in config.mk would become the flow's default goal.
eda_plugin_goal := $(.DEFAULT_GOAL)

.PHONY: eda_plugin_corners eda_plugin_check
eda_plugin_corners: $(eda_plugin_files)

# EDA_PLUGIN_MEASURED_<CORNER>, in capitals, names simulations of the corner.
$(eda_plugin_files): $(EDA_PLUGIN_DIR)/%.lib: $(EDA_PLUGIN_ANCHORS)
	@mkdir -p $(EDA_PLUGIN_DIR)
	$(EDA_PLUGIN) fill $(EDA_PLUGIN_ANCHORS) --target $* \
	  $(addprefix --measured ,$(EDA_PLUGIN_MEASURED_$(call eda_plugin_upper,$*))) $(EDA_PLUGIN_OPTIONS) \
	  --report $(@:.lib=.json) -o $@

eda_plugin_check: $(eda_plugin_files)
	$(EDA_PLUGIN) check $(EDA_PLUGIN_ANCHORS) $(eda_plugin_files)

.DEFAULT_GOAL := $(eda_plugin_goal)
